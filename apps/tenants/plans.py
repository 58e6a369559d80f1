"""Plans and what they allow: the ledger is told whenever a limit changes, in the same transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.audit.actor import SYSTEM, Actor
from apps.audit.services import record
from apps.core.errors import Busy, InvalidInput
from apps.quotas.ledger import balances_of, set_limits
from apps.quotas.resources import RESOURCES, Limits, Resource
from apps.tenants.models import Override, Plan, Tenant

_MIB: Final = 1024 * 1024
SIZES: Final[list[dict[str, Any]]] = [
    {"name": "S", "memory_bytes": 128 * _MIB, "cpu_millis": 250},
    {"name": "M", "memory_bytes": 256 * _MIB, "cpu_millis": 500},
    {"name": "L", "memory_bytes": 1024 * _MIB, "cpu_millis": 1000},
]
STANDARD: Final[dict[str, Any]] = {
    "limits": {"cpu": 4000, "memory": 4096 * _MIB, "applications": 20, "containers": 40, "members": 20},
    "sizes": SIZES,
}


def all_plans() -> "QuerySet[Plan]":
    return Plan.objects.all()


def default_plan() -> Plan:
    """The plan of new tenants, made at the first call."""
    found = Plan.objects.filter(is_default=True).first()
    return found or Plan.objects.get_or_create(name="Standard", defaults=STANDARD | {"is_default": True})[0]


def unlimited_plan() -> Plan:
    """The plan that limits nothing, for the house's own tenant; made at the first call."""
    return Plan.objects.get_or_create(name="Unlimited", defaults={"sizes": SIZES})[0]


def limits_of(tenant: Tenant, plan: Plan | None = None) -> Limits:
    """What the tenant may reserve on its plan, or would on another."""
    limits = (plan or tenant.plan).limits
    return with_overrides(tenant, {resource: limits.get(resource.value) for resource in Resource})


def with_overrides(tenant: Tenant, limits: Limits) -> Limits:
    """These limits, but for those of the tenant's own that have not ended."""
    now = timezone.now()
    own = {
        Resource(override.resource): override.limit
        for override in tenant.overrides.all()
        if override.ends_at is None or override.ends_at > now
    }
    return {**limits, **own}


@transaction.atomic
def apply_limits(tenant: Tenant) -> None:
    """Tell the ledger what the tenant may reserve now, by its plan as it is once nobody else is changing it."""
    plan = Plan.objects.select_for_update().get(tenants=tenant.pk)
    set_limits(tenant.account, limits_of(tenant, plan))


@transaction.atomic
def save_plan(
    plan: Plan | None,
    *,
    name: str,
    limits: Mapping[str, int | None],
    sizes: Sequence[Mapping[str, Any]],
    is_default: bool,
    actor: Actor,
) -> Plan:
    """Make a plan, or change one for all tenants that are on it. Raises InvalidInput for a taken name."""
    if is_default:
        Plan.objects.filter(is_default=True).exclude(pk=plan.pk if plan else 0).update(is_default=False)
    elif plan and plan.is_default:
        raise InvalidInput("New tenants need a plan: make another one the default first.", field="is_default")
    before = dict(plan.limits) if plan else {}
    saved = plan or Plan()
    saved.name, saved.limits, saved.sizes, saved.is_default = name, dict(limits), list(sizes), is_default
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise InvalidInput(f"There is a plan “{name}” already.", field="name") from error
    for tenant in saved.tenants.order_by("pk"):
        apply_limits(tenant)
    record("plan.change" if plan else "plan.create", actor=actor, target=saved, before=before, after=saved.limits)
    return saved


@transaction.atomic
def delete_plan(plan: Plan, *, actor: Actor) -> None:
    """Raises Busy while a tenant is on it or new tenants would get it."""
    if plan.is_default or plan.tenants.exists():
        raise Busy(f"Tenants are on {plan.name}, or new ones would get it. Give them another plan first.")
    record("plan.delete", actor=actor, target=plan)
    plan.delete()


@transaction.atomic
def assign_plan(tenant: Tenant, plan: Plan, *, actor: Actor) -> None:
    """What is reserved beyond the new limits stays, and nothing more can be reserved until it fits."""
    before, tenant.plan = tenant.plan.name, plan
    tenant.save(update_fields=["plan"])
    apply_limits(tenant)
    record("tenant.plan", actor=actor, tenant=tenant, target=tenant, before=before, after=plan.name)


@transaction.atomic
def override_limit(
    tenant: Tenant, resource: Resource, limit: int | None, *, reason: str, ends_at: datetime | None, actor: Actor
) -> None:
    """Give the tenant another limit than its plan's, until `ends_at` (None: until somebody ends it)."""
    Override.objects.update_or_create(
        tenant=tenant,
        resource=resource,
        defaults={"limit": limit, "reason": reason, "ends_at": ends_at, "created_by_label": actor.label},
    )
    apply_limits(tenant)
    record(
        "tenant.override",
        actor=actor,
        tenant=tenant,
        target=tenant,
        resource=resource.value,
        limit=limit,
        reason=reason,
        ends_at=ends_at.isoformat() if ends_at else None,
    )


@transaction.atomic
def end_override(override: Override, *, actor: Actor) -> None:
    """The plan's limit holds again."""
    tenant, resource = override.tenant, override.resource
    override.delete()
    apply_limits(tenant)
    record("tenant.override-end", actor=actor, tenant=tenant, target=tenant, resource=resource)


def end_overrides_that_are_over() -> None:
    """Run by the watcher."""
    over = Override.objects.filter(ends_at__lte=timezone.now())
    for pk in over.values_list("pk", flat=True):
        with transaction.atomic():
            # Once more under the lock: somebody may have prolonged it in this moment.
            still = over.select_related("tenant").select_for_update(of=("self",)).filter(pk=pk).first()
            if still is not None:
                end_override(still, actor=SYSTEM)


def what_would_break(tenant: Tenant, limits: Limits) -> list[str]:
    """What these limits would leave without room: sentences for whoever is about to set them."""
    found = []
    for balance in balances_of(tenant.account):
        limit = limits.get(Resource(balance.resource))
        if limit is not None and balance.reserved > limit:
            info = RESOURCES[Resource(balance.resource)]
            found.append(
                f"{info.label}: {info.words(balance.reserved)} reserved, {info.words(limit)} allowed. Nothing stops, "
                "and nothing more starts until it fits."
            )
    return found
