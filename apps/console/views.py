"""The operator's pages, and the first run."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts.decorators import recently_authenticated
from apps.accounts.http import PanelRequest, UserRequest
from apps.accounts.signing_in import enter
from apps.audit.queries import filtered
from apps.console import queries, services
from apps.console.access import operator_view
from apps.console.forms import ImpersonateForm, NewTenantForm, SetUpForm, SuspendForm
from apps.console.plan_forms import CapacityForm
from apps.containers import tenancy
from apps.containers.forms import DeleteForm
from apps.containers.queries import what_goes_with, what_stops
from apps.core.errors import InvalidInput
from apps.core.views import add_error, page_of, text_of
from apps.metrics import exports
from apps.metrics.queries import graphs
from apps.metrics.services import note_export
from apps.metrics.spans import CHOICES, asked_span
from apps.nodes.checklist import TITLES
from apps.nodes.services import check_node, check_setup_token, local_node
from apps.operations.services import cancel
from apps.operations.views import operation_context
from apps.quotas.queries import lines
from apps.tenants import impersonation as looking
from apps.tenants.forms import TenantForm
from apps.tenants.plans import unlimited_plan
from apps.tenants.services import create_tenant

UNPROCESSABLE = 422


# --- the first run ----------------------------------------------------------------------------------------------------
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
    return render(request, "console/setup_account.html", {"form": form, "token": token}, status=_status(form))


@operator_view
def set_up_engine(request: UserRequest) -> HttpResponse:
    return render(request, "console/setup_engine.html", _checklist())


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
    return render(request, "console/setup_tenant.html", {"form": form}, status=_status(form))


# --- the console ------------------------------------------------------------------------------------------------------
@operator_view
def dashboard(request: UserRequest) -> HttpResponse:
    template = "console/_dashboard.html" if request.htmx else "console/dashboard.html"
    return render(request, template, queries.dashboard())


@operator_view
def tenants(request: UserRequest) -> HttpResponse:
    query, state = text_of(request.GET, "q"), text_of(request.GET, "state")
    page = page_of(request, queries.tenants_like(query, state))
    template = "console/_tenant_rows.html" if request.htmx and not request.htmx.boosted else "console/tenants.html"
    context = {"page_obj": page, "rows": queries.tenant_rows(list(page)), "query": query, "state": state}
    return render(request, template, context)


@operator_view
def new_tenant(request: UserRequest) -> HttpResponse:
    form = NewTenantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = create_tenant(**form.cleaned_data, actor=request.actor)
            return redirect("console-tenant", created.pk)
        except InvalidInput as error:
            add_error(form, error)
    return render(request, "console/tenant_new.html", {"form": form}, status=_status(form))


# --- one tenant -------------------------------------------------------------------------------------------------------
@operator_view
def tenant(request: UserRequest, pk: int) -> HttpResponse:
    found = _tenant(pk)
    page = page_of(request, found.applications.order_by("slug"))
    template = "console/_tenant.html" if request.htmx else "console/tenant.html"
    return render(request, template, queries.tenant_detail(found, list(page)) | {"page_obj": page})


@operator_view
def suspend(request: UserRequest, pk: int) -> HttpResponse:
    """What will stop, and the question why."""
    found = _tenant(pk)
    form = SuspendForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            tenancy.suspend_tenant(found, reason=form.cleaned_data["reason"], actor=request.actor)
            return redirect("console-tenant", pk)
        except InvalidInput as error:
            add_error(form, error)
    context = {"customer": found, "form": form, "stops": what_stops(found)}
    return render(request, "console/tenant_suspend.html", context, status=_status(form))


@require_POST
@operator_view
def resume(request: UserRequest, pk: int) -> HttpResponse:
    tenancy.resume_tenant(_tenant(pk), actor=request.actor)
    return redirect("console-tenant", pk)


@operator_view
@recently_authenticated
def close(request: UserRequest, pk: int) -> HttpResponse:
    """What will go, and the question for the short name."""
    found = _tenant(pk)
    form = DeleteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            tenancy.close_tenant(found, confirmed_name=form.cleaned_data["name"], actor=request.actor)
            return redirect("console-tenant", pk)
        except InvalidInput as error:
            add_error(form, error)
    context = {"customer": found, "form": form, "goes": what_goes_with(found)}
    return render(request, "console/tenant_close.html", context, status=_status(form))


@require_POST
@operator_view
def reopen(request: UserRequest, pk: int) -> HttpResponse:
    tenancy.reopen_tenant(_tenant(pk), actor=request.actor)
    return redirect("console-tenant", pk)


@operator_view
@recently_authenticated
def impersonate(request: UserRequest, pk: int) -> HttpResponse:
    """Begin to look at a tenant through one of its members."""
    found = _tenant(pk)
    form = ImpersonateForm(found, request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            begun = looking.begin_impersonation(
                found,
                operator=request.user,
                session_key=request.session.session_key or "",
                actor=request.actor,
                **form.cleaned_data,
            )
        except InvalidInput as error:
            add_error(form, error)
        else:
            request.session[looking.IN_SESSION] = begun.pk
            return redirect("tenant-overview", found.slug)
    context = {"customer": found, "form": form, "minutes": looking.LASTS // timedelta(minutes=1)}
    return render(request, "console/tenant_impersonate.html", context, status=_status(form))


@require_POST
@operator_view
def end_impersonation(request: UserRequest) -> HttpResponse:
    found = looking.impersonation_of(request.session, request.user)
    request.session.pop(looking.IN_SESSION, None)
    if found is None:
        return redirect("console-dashboard")
    looking.end_impersonation(found, actor=request.actor)
    return redirect("console-tenant", found.tenant_id)


# --- the installation -------------------------------------------------------------------------------------------------


@operator_view
def operations(request: UserRequest) -> HttpResponse:
    template = "console/_operations.html" if request.htmx else "console/operations.html"
    return render(request, template, {"page_obj": page_of(request, queries.all_operations())})


@operator_view
def operation(request: UserRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(queries.all_operations(), pk=pk)
    template = "operations/_operation.html" if request.htmx else "console/operation.html"
    return render(request, template, operation_context(found, may_cancel=found.is_open))


@require_POST
@operator_view
def cancel_operation(request: UserRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(queries.all_operations(), pk=pk)
    cancel(found, actor=request.actor)
    return redirect("console-operation", pk)


@operator_view
def engine(request: UserRequest) -> HttpResponse:
    if request.htmx:
        return render(request, "console/_checklist.html", _checklist())
    node = local_node()
    context = _checklist() | {"quota": lines(node.account), "capacity": CapacityForm.of(node)}
    return render(request, "console/engine.html", context)


@require_POST
@operator_view
def check_engine(request: UserRequest) -> HttpResponse:
    check_node(local_node(), actor=request.actor)
    return redirect("setup-engine" if request.POST.get("next") == "setup-engine" else "console-engine")


@operator_view
def usage(request: UserRequest) -> HttpResponse:
    span = asked_span(request)
    page = page_of(request, queries.usage_by_tenant(span))
    context = {"choices": CHOICES, "page_obj": page} | graphs(queries.all_usage(span), span)
    return render(request, "console/usage.html", context)


@never_cache
@operator_view
def export_usage(request: UserRequest) -> HttpResponse:
    """For billing: a line for every day and tenant."""
    span = asked_span(request)
    note_export(span, "csv", actor=request.actor)
    return exports.csv_file(f"usage-{span.name}", exports.DAILY, exports.daily(queries.usage_by_day(span)))


@operator_view
def audit(request: UserRequest) -> HttpResponse:
    events = filtered(queries.events_like(text_of(request.GET, "tenant")), request.GET)
    return render(request, "console/audit.html", {"page_obj": page_of(request, events)})


def _tenant(pk: int) -> Any:
    return get_object_or_404(queries.all_tenants(), pk=pk)


def _checklist() -> dict[str, Any]:
    node = local_node()
    check = queries.latest_check(node)
    is_open = check is not None and check.is_open
    lines = node.checklist or [{"title": title, "state": "pending", "found": "", "fix": ""} for title in TITLES]
    return {"node": node, "operation": check, "is_checking": is_open, "lines": lines}


def _status(form: Any) -> int:
    return UNPROCESSABLE if form.errors else 200
