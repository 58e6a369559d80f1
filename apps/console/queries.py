"""Reads across tenants, for operators only."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from apps.audit.models import Event
from apps.containers.models import Application, Container
from apps.engine.types import ContainerState
from apps.nodes.models import Node
from apps.nodes.services import local_node
from apps.operations.models import Operation, State
from apps.quotas.resources import RESOURCES, Limits
from apps.tenants.models import Plan, Tenant
from apps.tenants.plans import all_plans, what_would_break, with_overrides


def dashboard() -> dict[str, Any]:
    node = local_node()
    operations = Operation.objects.select_related("tenant")
    failed = list(operations.filter(state=State.FAILED)[:5])
    crashed = list(
        Container.objects.select_related("application__tenant").filter(
            Q(state=ContainerState.RESTARTING) | Q(state=ContainerState.EXITED, was_stopped=False) & ~Q(exit_code=0)
        )[:10]
    )
    return {
        "node": node,
        "attention": _attention(node, failed, crashed),
        "counts": {
            "tenants": Tenant.objects.count(),
            "applications": Application.objects.count(),
            "running": Container.objects.filter(state=ContainerState.RUNNING).count(),
            "waiting": operations.filter(state=State.QUEUED).count(),
            "operations_running": operations.filter(state=State.RUNNING).count(),
        },
        "operations": list(operations[:8]),
    }


def _attention(node: Node, failed: list[Operation], crashed: list[Container]) -> list[dict[str, str]]:
    items = []
    if not node.is_reachable:
        why = node.error or "it has not been seen lately. Does the watcher run?"
        items.append(_item("red", f"The engine {node.name} does not answer: {why}", reverse("console-engine")))
    for container in crashed:
        application = container.application
        items.append(_item("red", f"{application.tenant}: {application} has crashed", reverse("console-tenants")))
    for operation in failed:
        text = f"{operation.tenant or 'Installation'}: {operation} failed. {operation.error_message}"
        items.append(_item("yellow", text, reverse("console-operation", args=[operation.pk])))
    return items


def _item(tone: str, text: str, url: str) -> dict[str, str]:
    return {"tone": tone, "text": text, "url": url}


def all_tenants() -> QuerySet[Tenant]:
    return (
        Tenant.objects.select_related("plan")
        .annotate(
            application_count=Count("applications", distinct=True), member_count=Count("memberships", distinct=True)
        )
        .order_by("name", "id")
    )


def plan_rows() -> list[dict[str, Any]]:
    """Plans with their limits in words, in the table's order, and how many tenants are on them."""
    rows = all_plans().annotate(tenant_count=Count("tenants"))
    return [
        {
            "plan": plan,
            "limits": [
                "–" if (limit := plan.limits.get(resource)) is None else info.words(limit)
                for resource, info in RESOURCES.items()
            ],
        }
        for plan in rows
    ]


def broken_by(plan: Plan, limits: Limits) -> list[dict[str, Any]]:
    """The tenants on the plan that use more than these limits, and what of."""
    tenants = plan.tenants.prefetch_related("overrides")
    found = [(tenant, what_would_break(tenant, with_overrides(tenant, limits))) for tenant in tenants]
    return [{"tenant": tenant, "what": what} for tenant, what in found if what]


def all_operations() -> QuerySet[Operation]:
    return Operation.objects.select_related("tenant")


def all_events() -> QuerySet[Event]:
    return Event.objects.all()


def latest_check(node: Node) -> Operation | None:
    return Operation.objects.filter(target=node.topic).first()
