"""Reads across tenants, for operators only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse

from apps.accounts.models import AuthenticatorApp, IdentityProvider, Passkey, User
from apps.audit.models import Event
from apps.audit.queries import events_of_tenant
from apps.containers.models import Application, Container
from apps.containers.queries import with_rows
from apps.engine.types import ContainerState
from apps.metrics.amounts import DAY_H
from apps.metrics.models import UsageDay, UsageHour
from apps.metrics.queries import SUMS, Rows, within
from apps.metrics.spans import Span
from apps.nodes.models import Node
from apps.nodes.services import local_node
from apps.operations.models import Operation, State
from apps.quotas.queries import lines
from apps.quotas.resources import RESOURCES, Limits
from apps.tenants.models import Membership, Plan, Tenant, TenantQuerySet, TenantState
from apps.tenants.plans import all_plans, what_would_break, with_overrides

#: Members that a tenant's page shows; the rest is counted.
MEMBERS_SHOWN: Final = 50


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
        url = reverse("console-tenant", args=[application.tenant_id])
        items.append(_item("red", f"{application.tenant}: {application} has crashed", url))
    for operation in failed:
        text = f"{operation.tenant or 'Installation'}: {operation} failed. {operation.error_message}"
        items.append(_item("yellow", text, reverse("console-operation", args=[operation.pk])))
    return items


def _item(tone: str, text: str, url: str) -> dict[str, str]:
    return {"tone": tone, "text": text, "url": url}


def all_tenants() -> TenantQuerySet:
    return Tenant.objects.select_related("plan").order_by("name", "id")


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant as the list shows it."""

    tenant: Tenant
    applications: int
    running: int
    members: int


def tenants_like(text: str, state: str) -> QuerySet[Tenant]:
    """Those whose name or short name contains the text, in this `TenantState` (any other word: in all of them)."""
    found = all_tenants()
    if text:
        found = found.filter(Q(name__icontains=text) | Q(slug__icontains=text))
    return found.in_state(TenantState(state)) if state in TenantState.values else found


def tenant_rows(tenants: Sequence[Tenant]) -> list[TenantRow]:
    """Rows of these tenants, in three queries however many there are elsewhere."""
    running = Container.objects.filter(state=ContainerState.RUNNING)
    applications = _counts(Application.objects.filter(tenant__in=tenants), "tenant")
    runs = _counts(running.filter(application__tenant__in=tenants), "application__tenant")
    members = _counts(Membership.objects.filter(tenant__in=tenants), "tenant")
    return [
        TenantRow(tenant, applications.get(tenant.pk, 0), runs.get(tenant.pk, 0), members.get(tenant.pk, 0))
        for tenant in tenants
    ]


def _counts(rows: "QuerySet[Any]", of: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(of).annotate(Count("pk")))


def tenant_detail(tenant: Tenant, applications: Sequence[Application]) -> dict[str, Any]:
    """What the page of a tenant shows beside these of its applications."""
    memberships = tenant.memberships.select_related("user").order_by("user__email")
    return {
        "customer": tenant,
        "rows": with_rows(Application.objects.filter(pk__in=[application.pk for application in applications])),
        "memberships": list(memberships[:MEMBERS_SHOWN]),
        "member_count": memberships.count(),
        "operations": list(tenant.operations.select_related("tenant")[:8]),
        "events": list(events_of_tenant(tenant.pk)[:8]),
        "quota": lines(tenant.account),
        "looking": list(tenant.impersonations.current()),
    }


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


def all_users(search: str = "") -> QuerySet[User]:
    """Everybody, or those of whose name or address this is a part."""
    users = User.objects.annotate(
        tenant_count=Count("memberships", distinct=True),
        has_second_factor=Exists(AuthenticatorApp.objects.filter(user=OuterRef("pk")))
        | Exists(Passkey.objects.filter(user=OuterRef("pk"))),
    ).order_by("name", "id")
    return users.filter(Q(name__icontains=search) | Q(email__icontains=search)) if search else users


def memberships_of(user: User) -> QuerySet[Membership]:
    return user.memberships.select_related("tenant").order_by("tenant__name")


def all_providers() -> QuerySet[IdentityProvider]:
    return IdentityProvider.objects.annotate(people=Count("identities"))


def new_provider() -> IdentityProvider:
    return IdentityProvider()


def all_operations() -> QuerySet[Operation]:
    return Operation.objects.select_related("tenant")


def events_like(tenant_id: str) -> QuerySet[Event]:
    """All events, or those of the tenant with this id (also of one that is no more)."""
    is_id = tenant_id.isascii() and tenant_id.isdigit() and len(tenant_id) < 19
    return events_of_tenant(int(tenant_id)) if is_id else Event.objects.all()


def latest_check(node: Node) -> Operation | None:
    return Operation.objects.filter(target=node.topic).first()


def all_usage(span: Span) -> Rows:
    return UsageDay.objects.all() if span.is_of_days else UsageHour.objects.all()


def usage_by_tenant(span: Span) -> list[Any]:
    """Sums of each tenant that used anything; who used most CPU first."""
    grouped = within(all_usage(span), span).values("tenant_id", "tenant__slug", "tenant__name").annotate(**SUMS)
    return list(grouped.order_by("-cpu_ms", "tenant_id"))


def usage_by_day(span: Span) -> list[tuple[Any, ...]]:
    """Sums of each day and tenant: first hour of the day, slug, amounts."""
    rows = within(all_usage(span), span).annotate(day=F("hour") - F("hour") % DAY_H)
    return list(rows.order_by("day", "tenant__slug").values_list("day", "tenant__slug").annotate(**SUMS))
