"""What the shell around every page shows."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.tenants.impersonation import impersonation_of
from apps.tenants.models import Impersonation, Tenant


def shell(request: HttpRequest) -> dict[str, Any]:
    """`tenant` of this page, `access` to it, what one `may` do here; lazily the tenants that the switcher offers.

    `impersonation` is the one that the session holds, also on pages where it gives no right.
    """
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
        "impersonation": SimpleLazyObject(lambda: _impersonation(request)),
    }


def _impersonation(request: HttpRequest) -> Impersonation | None:
    if not hasattr(request, "session") or not hasattr(request, "user"):
        return None
    return getattr(request, "impersonation", None) or impersonation_of(request.session, request.user)
