"""What the shell around every page shows."""

from typing import Any

from django.http import HttpRequest

from apps.tenants.models import Tenant


def shell(request: HttpRequest) -> dict[str, Any]:
    """`tenant` of this page, `access` to it, what one `may` do here; lazily the tenants that the switcher offers."""
    user = getattr(request, "user", None)
    tenants = (
        Tenant.objects.filter(memberships__user=user.pk)
        if user is not None and user.is_authenticated
        else Tenant.objects.none()
    )
    return {
        "tenant": getattr(request, "tenant", None),
        "access": getattr(request, "access", None),
        "may": getattr(request, "may", frozenset()),
        "switcher_tenants": tenants,
    }
