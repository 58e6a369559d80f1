"""To an OpenID Connect provider and back: to sign in, to connect it to one's account, or to confirm who one is."""

import time
from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.accounts import identities, oidc, queries, signing_in
from apps.accounts.decorators import recently_authenticated, serves_set_up
from apps.accounts.http import PanelRequest, UserRequest
from apps.core.errors import Forbidden

_ATTEMPT = "oidc"


@login_not_required
@require_POST
def oidc_sign_in(request: PanelRequest, provider: str) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect("home")
    return _leave(request, provider, "sign-in")


@require_POST
@recently_authenticated
def oidc_connect(request: UserRequest, provider: str) -> HttpResponse:
    return _leave(request, provider, "connect")


@require_POST
@serves_set_up
def oidc_confirm(request: UserRequest, provider: str) -> HttpResponse:
    return _leave(request, provider, "confirm")


def _leave(request: PanelRequest, slug: str, purpose: str) -> HttpResponse:
    provider = get_object_or_404(queries.enabled_providers(), slug=slug)
    address, attempt = oidc.begin(identities.client_of(provider), again=purpose == "confirm")
    request.session[_ATTEMPT] = {
        "provider": provider.slug,
        "purpose": purpose,
        "attempt": asdict(attempt),
        "at": time.time(),
        "next": signing_in.asked_for(request),
    }
    signing_in.expire_soon(request)
    # A page and not a redirect: the policy forbids that a form's answer leads elsewhere (form-action).
    return render(request, "accounts/oidc_leave.html", {"provider": provider, "address": address})


@login_not_required
@never_cache
@serves_set_up
def oidc_callback(request: PanelRequest, provider: str) -> HttpResponse:
    """Where the provider sends the browser back to."""
    kept = request.session.pop(_ATTEMPT, None) or {}
    found = get_object_or_404(queries.enabled_providers(), slug=provider)
    state = request.GET.get("state", "")
    is_ours = (
        kept.get("provider") == found.slug
        and time.time() - kept["at"] < identities.ATTEMPT_FOR_S
        and constant_time_compare(state, kept["attempt"]["state"])
    )
    if not is_ours:
        raise Forbidden("This sign-in was not begun here, or too long ago. Start again.", code="unknown-attempt")
    if "code" not in request.GET:
        messages.error(request, f"{found} did not sign you in. Nothing was changed.")
        return redirect("account-connections" if request.user.is_authenticated else "sign-in")
    client, attempt = identities.client_of(found), oidc.Attempt(**kept["attempt"])
    person = oidc.finish(client, attempt, request.GET["code"], again=kept["purpose"] == "confirm")
    return _come_back(request, found, person, kept)


def _come_back(request: PanelRequest, provider: Any, person: oidc.Person, kept: dict[str, Any]) -> HttpResponse:
    user = request.user
    if kept["purpose"] == "sign-in" and not user.is_authenticated:
        found = identities.user_of(provider, person, request.session, actor=request.actor)
        return signing_in.sign_in(request, found, how=provider.slug, next_url=kept["next"])
    if kept["purpose"] == "connect" and user.is_authenticated:
        identities.connect(user, provider, person, actor=request.actor)
        messages.success(request, f"From now on {provider} signs you in.")
        return redirect("account-connections")
    if kept["purpose"] == "confirm" and user.is_authenticated:
        identities.confirm(user, provider, person, actor=request.actor)
        signing_in.mark_confirmed(request)
        return HttpResponseRedirect(kept["next"] or "/")
    return redirect("home")
