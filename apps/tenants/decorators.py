"""The view's door."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpResponse

from apps.accounts.http import UserRequest
from apps.core.errors import Forbidden
from apps.tenants.access import Access, Permission, access
from apps.tenants.models import Tenant

P = ParamSpec("P")


class TenantRequest(UserRequest):
    """A request whose principal holds the view's permission in `tenant`."""

    tenant: Tenant
    access: Access


def tenant_view(
    permission: Permission,
) -> Callable[[Callable[Concatenate[TenantRequest, P], HttpResponse]], Callable[..., HttpResponse]]:
    """Open a view at `/t/<tenant>/…` only to those who hold `permission` there."""

    def decorate(view: Callable[Concatenate[TenantRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def opened(request: TenantRequest, tenant: str, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                request.access = access(request.user, tenant, permission)
            except Forbidden:
                # A member's refusal belongs in their tenant's log.
                request.tenant = Tenant.objects.get(slug=tenant)
                raise
            request.tenant = request.access.tenant
            return view(request, *args, **kwargs)

        opened.permission = permission  # type: ignore[attr-defined]  # read by the access tests
        return opened

    return decorate
