"""The dashboard, and what belongs to the installation: operations, engine, usage, audit."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.accounts.http import UserRequest
from apps.audit.queries import filtered
from apps.console import queries
from apps.console.access import operator_view
from apps.console.plan_forms import CapacityForm
from apps.core.views import page_of, text_of
from apps.metrics import exports
from apps.metrics.queries import graphs
from apps.metrics.services import note_export
from apps.metrics.spans import CHOICES, asked_span
from apps.nodes.checklist import TITLES
from apps.nodes.services import check_node, local_node
from apps.operations.services import cancel
from apps.operations.views import operation_context
from apps.quotas.queries import lines


@operator_view
def dashboard(request: UserRequest) -> HttpResponse:
    template = "console/_dashboard.html" if request.htmx else "console/dashboard.html"
    return render(request, template, queries.dashboard())


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
        return render(request, "console/_checklist.html", checklist())
    node = local_node()
    context = checklist() | {"quota": lines(node.account), "capacity": CapacityForm.of(node)}
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


def checklist() -> dict[str, Any]:
    node = local_node()
    check = queries.latest_check(node)
    is_open = check is not None and check.is_open
    lines = node.checklist or [{"title": title, "state": "pending", "found": "", "fix": ""} for title in TITLES]
    return {"node": node, "operation": check, "is_checking": is_open, "lines": lines}
