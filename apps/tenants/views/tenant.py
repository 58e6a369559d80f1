"""The start, and the tenant's own pages."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.http import UserRequest
from apps.audit.queries import events_of_tenant, filtered
from apps.core.errors import InvalidInput
from apps.core.views import add_error, page_of, status_of
from apps.tenants import services
from apps.tenants.decorators import TenantRequest, tenant_view
from apps.tenants.forms import RenameForm, TenantForm
from apps.tenants.permissions import Permission
from apps.tenants.queries import first_tenant


def home(request: UserRequest) -> HttpResponse:
    """To the first of one's tenants; operators without one go to the console."""
    tenant = first_tenant(request.user)
    if tenant is not None:
        return redirect("tenant-overview", tenant.slug)
    if request.user.is_operator:
        return redirect("console-dashboard")
    return render(request, "tenants/none.html", {"may_found": services.may_found_tenant(request.user)})


def found(request: UserRequest) -> HttpResponse:
    """A first tenant of one's own, where the operator lets anybody sign up."""
    if not services.may_found_tenant(request.user):
        raise services.not_to_be_founded()
    form = TenantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            tenant = services.found_tenant(**form.cleaned_data, user=request.user, actor=request.actor)
            return redirect("tenant-overview", tenant.slug)
        except InvalidInput as error:
            add_error(form, error)
    return render(request, "tenants/found.html", {"form": form}, status=status_of(form))


@tenant_view(Permission.AUDIT)
def activity(request: TenantRequest) -> HttpResponse:
    events = filtered(events_of_tenant(request.tenant.pk), request.GET)
    return render(request, "audit/events.html", {"page_obj": page_of(request, events)})


@tenant_view(Permission.SETTINGS)
def settings(request: TenantRequest) -> HttpResponse:
    return _settings(request, RenameForm(initial={"name": request.tenant.name}))


@require_POST
@tenant_view(Permission.SETTINGS)
def rename(request: TenantRequest) -> HttpResponse:
    form = RenameForm(request.POST)
    if not form.is_valid():
        return _settings(request, form)
    services.rename_tenant(request.tenant, form.cleaned_data["name"], actor=request.actor)
    messages.success(request, f"The tenant is called {request.tenant.name} now.")
    return redirect("tenant-settings", request.tenant.slug)


def _settings(request: TenantRequest, form: RenameForm) -> HttpResponse:
    """A card for each thing that can be set."""
    return render(request, "tenants/settings.html", {"form": form}, status=status_of(form))
