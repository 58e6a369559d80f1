"""The door of an application's pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpResponse

from apps.containers.models import Application
from apps.tenants.access import NO_APPLICATION, nothing_here
from apps.tenants.decorators import TenantRequest, enter_tenant
from apps.tenants.permissions import Permission

P = ParamSpec("P")


def application_view(
    permission: Permission,
) -> Callable[[Callable[Concatenate[TenantRequest, Application, P], HttpResponse]], Callable[..., HttpResponse]]:
    """Open a view at `/t/<tenant>/applications/<slug>/…` to those who hold `permission` on that application."""

    def decorate(
        view: Callable[Concatenate[TenantRequest, Application, P], HttpResponse],
    ) -> Callable[..., HttpResponse]:
        @wraps(view)
        def opened(request: TenantRequest, tenant: str, slug: str, *args: Any, **kwargs: Any) -> HttpResponse:
            enter_tenant(request, tenant)
            application = request.tenant.applications.filter(slug=slug).first()
            # The right comes first: whether there is such an application is nothing for those who may not look.
            request.access.require(permission, application.pk if application else NO_APPLICATION)
            if application is None:
                raise nothing_here()
            request.may = request.access.on(application.pk)
            return view(request, application, *args, **kwargs)

        opened.permission = permission  # type: ignore[attr-defined]  # read by the access tests
        return opened

    return decorate
