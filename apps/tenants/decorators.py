"""The view's door."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpResponse

from apps.accounts.http import UserRequest
from apps.tenants.access import Access
from apps.tenants.impersonation import acting_through, enter_from
from apps.tenants.models import Impersonation, Tenant
from apps.tenants.permissions import Permission

P = ParamSpec("P")


class TenantRequest(UserRequest):
    """A request whose principal holds the view's permission in `tenant`.

    `may` is what they may do with what the page is about: the tenant, or one application. With an `impersonation` the
    principal is an operator who looks through a member, and `actor` names both.
    """

    tenant: Tenant
    access: Access
    may: frozenset[Permission]
    impersonation: Impersonation | None


def tenant_view(
    permission: Permission, *, somewhere: bool = False
) -> Callable[[Callable[Concatenate[TenantRequest, P], HttpResponse]], Callable[..., HttpResponse]]:
    """Open a view at `/t/<tenant>/…` only to those who hold `permission` there.

    With `somewhere`, holding it on one application is enough: the view shows only what `request.access.narrow` leaves.
    """

    def decorate(view: Callable[Concatenate[TenantRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def opened(request: TenantRequest, tenant: str, *args: Any, **kwargs: Any) -> HttpResponse:
            enter_tenant(request, tenant)
            if not (somewhere and request.access.allows_somewhere(permission)):
                request.access.require(permission)
            return view(request, *args, **kwargs)

        opened.permission = permission  # type: ignore[attr-defined]  # read by the access tests
        return opened

    return decorate


def enter_tenant(request: TenantRequest, slug: str) -> None:
    """Find out who this is in the tenant. From here on a refusal is a member's, and belongs in their tenant's log."""
    request.access, request.impersonation = enter_from(request.session, request.user, slug)
    if request.impersonation is not None:
        request.actor = acting_through(request.actor, request.impersonation)
    request.tenant = request.access.tenant
    request.may = request.access.permissions
