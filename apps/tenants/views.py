from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.http import UserRequest
from apps.audit.queries import events_of_tenant, filtered
from apps.core.views import page_of
from apps.tenants.decorators import TenantRequest, tenant_view
from apps.tenants.permissions import Permission
from apps.tenants.queries import first_tenant


def home(request: UserRequest) -> HttpResponse:
    """To the first of one's tenants; operators without one go to the console."""
    tenant = first_tenant(request.user)
    if tenant is not None:
        return redirect("tenant-overview", tenant.slug)
    if request.user.is_operator:
        return redirect("console-dashboard")
    return render(request, "tenants/none.html")


@tenant_view(Permission.AUDIT)
def activity(request: TenantRequest) -> HttpResponse:
    events = filtered(events_of_tenant(request.tenant.pk), request.GET)
    return render(request, "audit/events.html", {"page_obj": page_of(request, events)})
