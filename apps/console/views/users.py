"""The people of this installation, and what an operator may do with an account."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.accounts import resets, services
from apps.accounts.decorators import recently_authenticated
from apps.accounts.http import UserRequest
from apps.console import queries
from apps.console.access import operator_view
from apps.console.forms import ReasonForm
from apps.core.errors import InvalidInput
from apps.core.views import page_of, text_of


@operator_view
def users(request: UserRequest) -> HttpResponse:
    found = queries.all_users(text_of(request.GET, "q"))
    return render(request, "console/users.html", {"page_obj": page_of(request, found)})


@operator_view
def user(request: UserRequest, pk: int) -> HttpResponse:
    return _page(request, get_object_or_404(queries.all_users(), pk=pk))


@require_POST
@operator_view
@recently_authenticated
def activate(request: UserRequest, pk: int) -> HttpResponse:
    return _do(request, pk, services.activate_user, "{} may sign in again.")


@require_POST
@operator_view
@recently_authenticated
def deactivate(request: UserRequest, pk: int) -> HttpResponse:
    return _do(request, pk, services.deactivate_user, "{} is signed out and cannot sign in any more.")


@require_POST
@operator_view
@recently_authenticated
def make_operator(request: UserRequest, pk: int) -> HttpResponse:
    return _do(request, pk, services.make_operator, "{} is an operator.")


@require_POST
@operator_view
@recently_authenticated
def unmake_operator(request: UserRequest, pk: int) -> HttpResponse:
    return _do(request, pk, services.unmake_operator, "{} is no operator any more.")


@require_POST
@operator_view
def sign_out(request: UserRequest, pk: int) -> HttpResponse:
    return _do(request, pk, services.sign_out_user, "{} is signed out everywhere.")


@require_POST
@operator_view
@recently_authenticated
def remove_factor(request: UserRequest, pk: int) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("Say in 1 to 200 characters why the second factor goes.", field="reason")

    def remove(user: Any, *, actor: Any) -> None:
        services.remove_second_factor(user, form.cleaned_data["reason"], actor=actor)

    return _do(request, pk, remove, "{} has no second factor now, and is signed out.")


@require_POST
@never_cache
@operator_view
@recently_authenticated
def reset_link(request: UserRequest, pk: int) -> HttpResponse:
    """The link is on this answer and nowhere else."""
    found = get_object_or_404(queries.all_users(), pk=pk)
    return _page(request, found, link=resets.make_link(found, actor=request.actor))


def _do(request: UserRequest, pk: int, service: Callable[..., object], words: str) -> HttpResponse:
    found = get_object_or_404(queries.all_users(), pk=pk)
    service(found, actor=request.actor)
    messages.success(request, words.format(found))
    return redirect("home") if found.pk == request.user.pk else redirect("console-user", pk)


def _page(request: UserRequest, found: Any, **more: str) -> HttpResponse:
    context = {
        "person": found,
        "memberships": queries.memberships_of(found),
        "sessions": found.sessions.all(),
        "identities": found.identities.select_related("provider"),
        "form": ReasonForm(),
        **more,
    }
    return render(request, "console/user.html", context)
