"""API tokens: a tenant's at `/t/<tenant>/tokens/`, a person's own at `/account/tokens/`."""

from functools import partial
from typing import Any, Protocol

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from apps.accounts.decorators import recently_authenticated
from apps.accounts.http import UserRequest
from apps.audit.actor import Actor
from apps.core.errors import InvalidInput
from apps.core.views import add_error, page_of, status_of
from apps.tenants import tokens
from apps.tenants.access import Access, enter
from apps.tenants.decorators import TenantRequest, tenant_view
from apps.tenants.permissions import Permission
from apps.tenants.queries import tokens_of_tenant, tokens_of_user, with_applications
from apps.tenants.token_forms import TokenForm


# --- of a tenant ------------------------------------------------------------------------------------------------------
@tenant_view(Permission.MEMBERS)
def token_list(request: TenantRequest) -> HttpResponse:
    """Whatever opens the tenant: its own tokens, and those of its members."""
    return _list(request, tokens_of_tenant(request.tenant))


@never_cache
@tenant_view(Permission.MEMBERS)
@recently_authenticated
def token_create(request: TenantRequest) -> HttpResponse:
    create = partial(tokens.create_tenant_token, request.tenant)
    return _create(request, request.access, create, _list_of(request))


@tenant_view(Permission.MEMBERS)
def token_revoke(request: TenantRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(tokens_of_tenant(request.tenant), pk=pk)
    return _revoke(request, token, _list_of(request))


def _list_of(request: TenantRequest) -> str:
    return reverse("token-list", args=[request.tenant.slug])


# --- of a person ------------------------------------------------------------------------------------------------------
def account_tokens(request: UserRequest) -> HttpResponse:
    return _list(request, tokens_of_user(request.user))


@never_cache
def account_token_create(request: UserRequest, tenant: str) -> HttpResponse:
    return _create_own(request, enter(request.user, tenant))


@recently_authenticated
def _create_own(request: UserRequest, access: Access) -> HttpResponse:
    create = partial(tokens.create_personal_token, access.tenant, request.user)
    return _create(request, access, create, reverse("account-tokens"))


def account_token_revoke(request: UserRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(tokens_of_user(request.user), pk=pk)
    return _revoke(request, token, reverse("account-tokens"))


# --- of both ----------------------------------------------------------------------------------------------------------
class _Create(Protocol):
    def __call__(self, wish: tokens.TokenWish, *, actor: Actor) -> tuple[Any, str]: ...


def _list(request: UserRequest, rows: Any) -> HttpResponse:
    page = page_of(request, rows)
    return render(request, "tenants/tokens.html", {"page_obj": page, "rows": with_applications(list(page))})


def _create(request: UserRequest, access: Access, create: _Create, back: str) -> HttpResponse:
    """The form; then, this once, the secret."""
    form = TokenForm(request.POST or None, access=access)
    context: dict[str, Any] = {"form": form, "opens": access.tenant, "back": back}
    if request.method == "POST" and form.is_valid():
        try:
            token, secret = create(form.wish, actor=request.actor)
        except InvalidInput as error:
            add_error(form, error)
        else:
            address = settings.ENVIRONMENT.base_url + reverse("api:api-application-list", args=[access.tenant.slug])
            return render(
                request, "tenants/token_made.html", context | {"token": token, "secret": secret, "address": address}
            )
    return render(request, "tenants/token_new.html", context, status=status_of(form))


def _revoke(request: UserRequest, token: Any, back: str) -> HttpResponse:
    """What it means, and the question; then the end of the token."""
    if request.method == "POST":
        tokens.revoke_token(token, actor=request.actor)
        return redirect(back)
    return render(request, "tenants/token_revoke.html", {"token": token, "back": back})
