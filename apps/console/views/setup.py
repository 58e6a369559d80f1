"""The first run: the first operator, the engine's check, the first tenant."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from apps.accounts.http import PanelRequest, UserRequest
from apps.accounts.signing_in import enter
from apps.console import services
from apps.console.access import operator_view
from apps.console.forms import SetUpForm
from apps.console.views.installation import checklist
from apps.core.errors import InvalidInput
from apps.core.views import add_error, status_of
from apps.nodes.services import check_setup_token
from apps.tenants.forms import TenantForm
from apps.tenants.plans import unlimited_plan
from apps.tenants.services import create_tenant


@login_not_required
@never_cache
@sensitive_post_parameters("password")
def set_up(request: PanelRequest, token: str) -> HttpResponse:
    check_setup_token(token)
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        operator = services.set_up(token, **form.cleaned_data, actor=request.actor)
        enter(request, operator)
        return redirect("setup-engine")
    return render(request, "console/setup_account.html", {"form": form, "token": token}, status=status_of(form))


@operator_view
def set_up_engine(request: UserRequest) -> HttpResponse:
    return render(request, "console/setup_engine.html", checklist())


@operator_view
def set_up_tenant(request: UserRequest) -> HttpResponse:
    """The first tenant, the house's own, is unlimited. The operator owns it by a membership, like everybody."""
    form = TenantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            tenant = create_tenant(**form.cleaned_data, owner=request.user, actor=request.actor, plan=unlimited_plan())
            return redirect("tenant-overview", tenant.slug)
        except InvalidInput as error:
            add_error(form, error)
    return render(request, "console/setup_tenant.html", {"form": form}, status=status_of(form))
