from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.operations import services
from apps.operations.lifecycle import place_in_queue
from apps.operations.plans import planned_steps
from apps.tenants.decorators import TenantRequest, tenant_view
from apps.tenants.permissions import Permission


@tenant_view(Permission.VIEW, somewhere=True)
def operation_detail(request: TenantRequest, pk: int) -> HttpResponse:
    operation = _operation(request, pk, Permission.VIEW)
    template = "operations/_operation.html" if request.htmx else "operations/operation.html"
    may_cancel = operation.is_open and Permission.MANAGE in request.may
    return render(request, template, operation_context(operation, may_cancel=may_cancel))


@require_POST
@tenant_view(Permission.MANAGE, somewhere=True)
def cancel(request: TenantRequest, pk: int) -> HttpResponse:
    operation = _operation(request, pk, Permission.MANAGE)
    services.cancel(operation, actor=request.actor)
    messages.info(request, "Asked to cancel. It stops at its next step.")
    return redirect(operation)


def _operation(request: TenantRequest, pk: int, permission: Permission) -> Any:
    operation = get_object_or_404(request.tenant.operations, pk=pk)
    request.access.require(permission, operation.application_id)
    request.may = request.access.on(operation.application_id)
    return operation


def operation_context(operation: Any, *, may_cancel: bool) -> dict[str, Any]:
    """What the page of an operation shows, in a tenant or in the console."""
    return {
        "operation": operation,
        "place": place_in_queue(operation),
        "planned": planned_steps(operation),
        "may_cancel": may_cancel,
        "application_slug": operation.target_label,
    }
