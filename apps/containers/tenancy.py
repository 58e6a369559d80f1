"""The life of a tenant as a whole: suspended and resumed, closed and reopened, at last erased.

All of it is rows: what the tenant is, and which of its applications are held. Routes follow at once; operations bring
the engine to it, and `follow_up` wishes again for what was lost or failed, as after an outage of the engine.
"""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.utils import timezone

from apps.audit.actor import SYSTEM, Actor
from apps.audit.services import record
from apps.containers.models import Application, Container, DesiredState
from apps.containers.observe import route
from apps.core.doorbell import ring
from apps.core.errors import Busy, InvalidInput
from apps.engine.types import ALIVE
from apps.nodes.models import Node
from apps.operations.models import OPEN_STATES, Kind, Operation, State
from apps.operations.services import enqueue
from apps.tenants.models import Tenant

#: How long the deletion of a tenant can be undone.
GRACE: Final = timedelta(hours=24)
#: After a failure the next try waits this long, after each further one twice as long.
FIRST_PAUSE: Final = timedelta(seconds=15)
LONGEST_PAUSE: Final = timedelta(hours=1)


# --- what people do ---------------------------------------------------------------------------------------------------
@transaction.atomic
def suspend_tenant(tenant: Tenant, *, reason: str, actor: Actor) -> None:
    """Stop everything of the tenant and let its members only look; a tenant suspended before stays as it is.

    Nothing is lost: what runs now is started again by `resume_tenant`. Raises InvalidInput without a reason.
    """
    if not reason.strip():
        raise InvalidInput("Say why: the tenant's members read it on every page.", field="reason")
    tenant = _locked(tenant)
    if tenant.is_suspended:
        return
    tenant.suspended_at, tenant.suspension_reason = timezone.now(), reason.strip()
    tenant.save(update_fields=["suspended_at", "suspension_reason"])
    record("tenant.suspend", actor=actor, tenant=tenant, target=tenant, message=tenant.suspension_reason)
    _halt(tenant, actor=actor)


@transaction.atomic
def resume_tenant(tenant: Tenant, *, actor: Actor) -> None:
    """End the suspension: what it stopped starts again, unless the tenant is being deleted."""
    tenant = _locked(tenant)
    if not tenant.is_suspended:
        return
    tenant.suspended_at, tenant.suspension_reason = None, ""
    tenant.save(update_fields=["suspended_at", "suspension_reason"])
    record("tenant.resume", actor=actor, tenant=tenant, target=tenant)
    _bring_back_if_active(tenant, actor=actor)


@transaction.atomic
def close_tenant(tenant: Tenant, *, confirmed_name: str, actor: Actor) -> None:
    """Stop everything of the tenant and delete it after the grace; one that is closed already stays as it is.

    Raises InvalidInput unless the short name was typed.
    """
    if confirmed_name != tenant.slug:
        raise InvalidInput(f"Type “{tenant.slug}” to confirm; “{confirmed_name}” is not it.", field="name")
    tenant = _locked(tenant)
    if tenant.is_closed:
        return
    tenant.closed_at = timezone.now()
    tenant.erase_at = tenant.closed_at + GRACE
    tenant.save(update_fields=["closed_at", "erase_at"])
    until = f"It can be undone until {tenant.erase_at:%Y-%m-%d %H:%M} UTC."
    record("tenant.close", actor=actor, tenant=tenant, target=tenant, message=until)
    _halt(tenant, actor=actor)


@transaction.atomic
def reopen_tenant(tenant: Tenant, *, actor: Actor) -> None:
    """Undo the deletion: what it stopped starts again, unless the tenant is suspended. Raises Busy after the grace."""
    tenant = _locked(tenant)
    if tenant.erase_at is None:
        return
    if tenant.erase_at <= timezone.now():
        raise Busy(f"The time to undo the deletion of {tenant.name} is over: it is being deleted.", code="grace-over")
    tenant.closed_at = tenant.erase_at = None
    tenant.save(update_fields=["closed_at", "erase_at"])
    record("tenant.reopen", actor=actor, tenant=tenant, target=tenant)
    _bring_back_if_active(tenant, actor=actor)


# --- what the worker asks ---------------------------------------------------------------------------------------------
@transaction.atomic
def hold(application: Application) -> bool:
    """Note, before it is stopped, that the application is to be started again; False if its tenant is active again.

    Under the tenant's lock: whoever resumes it meanwhile sees either the note, or that nothing is going to stop.
    """
    if not _locked(application.tenant).is_halted:
        return False
    if application.containers.filter(state__in=ALIVE).exists():
        wanted = Application.objects.filter(pk=application.pk, desired_state=DesiredState.RUNNING)
        wanted.filter(release__isnull=False).update(is_held=True)
    route(application)
    return True


def let_go(application: Application) -> None:
    """It was started again, or nobody wants that any more."""
    Application.objects.filter(pk=application.pk).update(is_held=False)


# --- what the watcher asks --------------------------------------------------------------------------------------------
def follow_up(node: Node) -> None:
    """Wish again for what a suspension, its end or a deletion left undone. Called when the engine has answered."""
    now = timezone.now()
    is_open = Operation.objects.filter(application_id=OuterRef("pk"), state__in=OPEN_STATES)
    alive = Container.objects.filter(application=OuterRef("pk"), state__in=ALIVE)
    halted = Q(tenant__suspended_at__isnull=False) | Q(tenant__closed_at__isnull=False)
    idle = Application.objects.select_related("tenant").filter(~Exists(is_open), node=node)
    for application in idle.filter(halted, Exists(alive)).exclude(tenant__erase_at__lte=now):
        _wish_again(application, Kind.SUSPEND)
    for application in idle.exclude(halted).filter(is_held=True, desired_state=DesiredState.RUNNING):
        _wish_again(application, Kind.RESUME)
    for tenant in Tenant.objects.filter(erase_at__lte=now):
        _begin_to_erase(tenant)


def _wish_again(application: Application, kind: Kind) -> None:
    if not _is_due(kind, application.topic):
        return
    with transaction.atomic():
        operation = _wish(application, kind, actor=SYSTEM)
        if operation is None:
            return
        record(
            f"application.{kind.value}",
            actor=SYSTEM,
            tenant=application.tenant,
            target=application,
            operation_id=operation.pk,
        )


def _begin_to_erase(tenant: Tenant) -> None:
    """The last operation, unless one is on its way, or something of the tenant still is."""
    with transaction.atomic():
        tenant = _locked(tenant)
        is_busy = Operation.objects.filter(Q(tenant=tenant) | Q(target=tenant.topic), state__in=OPEN_STATES).exists()
        if tenant.erase_at is None or is_busy or not _is_due(Kind.ERASE, tenant.topic):
            return
        enqueue(
            Kind.ERASE,
            target=tenant.topic,
            target_label=tenant.name,
            tenant=None,
            actor=SYSTEM,
            tenant_id=tenant.pk,
        )


def _is_due(kind: Kind, target: str) -> bool:
    """Whether to try now: the more often it failed within a day, the longer the pause."""
    now = timezone.now()
    lately = Operation.objects.filter(
        kind=kind, target=target, state=State.FAILED, finished_at__gt=now - timedelta(days=1)
    )
    failed = lately.aggregate(count=Count("pk"), last=Max("finished_at"))
    if not failed["count"]:
        return True
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(failed["count"] - 1, 10), LONGEST_PAUSE)
    return bool(now - failed["last"] >= pause)


# --- in common --------------------------------------------------------------------------------------------------------
def _halt(tenant: Tenant, *, actor: Actor) -> None:
    """Routes away at once; an operation for whatever runs, or may come to run by an operation that is open."""
    _lock_operations(tenant)
    asked_to_stop = tenant.operations.filter(state=State.QUEUED, kind__in=(Kind.STOP, Kind.KILL))
    # These give way to ours, and what they wished for is done by it: such an application is not to start again.
    tenant.applications.filter(pk__in=asked_to_stop.values("application_id")).update(
        desired_state=DesiredState.STOPPED, is_held=False
    )
    is_open = Operation.objects.filter(application_id=OuterRef("pk"), state__in=OPEN_STATES)
    alive = Container.objects.filter(application=OuterRef("pk"), state__in=ALIVE)
    for application in tenant.applications.select_related("tenant"):
        route(application)
    for application in tenant.applications.select_related("tenant").filter(Exists(is_open) | Exists(alive)):
        _wish(application, Kind.SUSPEND, actor=actor)
    ring(tenant.topic)


def _bring_back_if_active(tenant: Tenant, *, actor: Actor) -> None:
    _lock_operations(tenant)
    if not tenant.is_halted:
        for application in tenant.applications.select_related("tenant"):
            route(application)  # what never came to be stopped serves at once
            if application.is_held:
                _wish(application, Kind.RESUME, actor=actor)
    ring(tenant.topic)


def _lock_operations(tenant: Tenant) -> None:
    """All that are open, in everybody's order and before any balance: what is replaced below settles the quota, and
    whoever ends an operation locks it first and the balances then.
    """
    list(tenant.operations.select_for_update(of=("self",)).filter(state__in=OPEN_STATES).order_by("id"))


def _wish(application: Application, kind: Kind, *, actor: Actor) -> Operation | None:
    """Without a permission that would be asked again: it is the operator's, the owner's or the panel's own.

    None where somebody wishes something else at this very moment: `follow_up` comes back to it.
    """
    try:
        return enqueue(
            kind,
            target=application.topic,
            target_label=application.slug,
            tenant=application.tenant,
            actor=actor,
            application_id=application.pk,
        )
    except Busy:
        return None


def _locked(tenant: Tenant) -> Tenant:
    """The row as it is now; others may still refer to it meanwhile."""
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
