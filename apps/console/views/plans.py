"""Plans, what single tenants get beyond theirs, and what an engine may promise."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.http import UserRequest
from apps.console import queries
from apps.console.access import operator_view
from apps.console.plan_forms import AssignPlanForm, CapacityForm, OverrideForm, PlanForm, SizeFormSet
from apps.core.errors import InvalidInput
from apps.core.views import add_error
from apps.nodes.services import commit_capacity, local_node
from apps.quotas.queries import lines
from apps.quotas.resources import RESOURCES
from apps.tenants import plans

UNPROCESSABLE = 422


@operator_view
def plan_list(request: UserRequest) -> HttpResponse:
    return render(request, "console/plans.html", {"plans": queries.plan_rows(), "resources": RESOURCES.values()})


@operator_view
def new_plan(request: UserRequest) -> HttpResponse:
    return _edit(request, None)


@operator_view
def change_plan(request: UserRequest, pk: int) -> HttpResponse:
    return _edit(request, get_object_or_404(plans.all_plans(), pk=pk))


def _edit(request: UserRequest, plan: Any) -> HttpResponse:
    """A change that takes room from tenants who use it is shown first, and made when it is confirmed."""
    form = PlanForm(request.POST or None, initial=PlanForm.initial_for(plan))
    sizes = SizeFormSet(request.POST or None, initial=SizeFormSet.initial_for(plan), prefix="sizes")
    breaks = []
    if request.method == "POST" and form.is_valid() and sizes.is_valid():
        breaks = queries.broken_by(plan, form.limits) if plan and "confirmed" not in request.POST else []
        if not breaks:
            try:
                saved = plans.save_plan(plan, **form.values, sizes=sizes.values, actor=request.actor)
                messages.success(request, f"Plan {saved} is saved.")
                return redirect("console-plans")
            except InvalidInput as error:
                add_error(form, error)
    context = {"plan": plan, "form": form, "sizes": sizes, "breaks": breaks}
    is_refused = bool(breaks or form.errors or (sizes.is_bound and not sizes.is_valid()))
    return render(request, "console/plan.html", context, status=UNPROCESSABLE if is_refused else 200)


@require_POST
@operator_view
def delete_plan(request: UserRequest, pk: int) -> HttpResponse:
    plan = get_object_or_404(plans.all_plans(), pk=pk)
    plans.delete_plan(plan, actor=request.actor)
    messages.success(request, f"Plan {plan} is deleted.")
    return redirect("console-plans")


# --- one tenant -------------------------------------------------------------------------------------------------------
@operator_view
def tenant_quota(request: UserRequest, pk: int) -> HttpResponse:
    """Its plan and quota, and the forms that change them; another plan is shown first if it would break something."""
    tenant = get_object_or_404(queries.all_tenants(), pk=pk)
    form = AssignPlanForm(request.POST or None, initial={"plan": tenant.plan_id})
    breaks = []
    if request.method == "POST" and form.is_valid():
        plan = form.cleaned_data["plan"]
        breaks = plans.what_would_break(tenant, plans.limits_of(tenant, plan))
        if not breaks or "confirmed" in request.POST:
            plans.assign_plan(tenant, plan, actor=request.actor)
            messages.success(request, f"{tenant} is on plan {plan} now.")
            return redirect("console-tenant-quota", pk)
    return _quota_page(request, tenant, form=form, breaks=breaks)


@require_POST
@operator_view
def override_limit(request: UserRequest, pk: int) -> HttpResponse:
    tenant = get_object_or_404(queries.all_tenants(), pk=pk)
    form = OverrideForm(request.POST)
    if not form.is_valid():
        return _quota_page(request, tenant, override=form)
    plans.override_limit(tenant, **form.values, actor=request.actor)
    messages.success(request, "The limit holds now.")
    return redirect("console-tenant-quota", pk)


@require_POST
@operator_view
def end_override(request: UserRequest, pk: int, override: int) -> HttpResponse:
    tenant = get_object_or_404(queries.all_tenants(), pk=pk)
    plans.end_override(get_object_or_404(tenant.overrides, pk=override), actor=request.actor)
    messages.success(request, "The plan's limit holds again.")
    return redirect("console-tenant-quota", pk)


def _quota_page(
    request: UserRequest,
    tenant: Any,
    *,
    form: AssignPlanForm | None = None,
    override: OverrideForm | None = None,
    breaks: list[str] | None = None,
) -> HttpResponse:
    context = {
        "customer": tenant,
        "quota": lines(tenant.account),
        "overrides": tenant.overrides.all(),
        "form": form or AssignPlanForm(initial={"plan": tenant.plan_id}),
        "override": override or OverrideForm(),
        "breaks": breaks,
    }
    is_refused = bool(breaks or (form and form.errors) or (override and override.errors))
    return render(request, "console/tenant_quota.html", context, status=UNPROCESSABLE if is_refused else 200)


# --- the engine -------------------------------------------------------------------------------------------------------
@require_POST
@operator_view
def change_capacity(request: UserRequest) -> HttpResponse:
    form = CapacityForm(request.POST)
    if form.is_valid():
        commit_capacity(local_node(), **form.cleaned_data, actor=request.actor)
        messages.success(request, "The engine's capacity is changed.")
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("console-engine")
