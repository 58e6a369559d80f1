"""Accepting and cancelling operations. The row is the acceptance; the message that follows is only a hint."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core.doorbell import ring
from apps.core.errors import Busy
from apps.operations.lifecycle import note_end
from apps.operations.models import LASTING, OPEN_STATES, PATIENT, PREEMPTING, Kind, Operation, State
from apps.operations.tasks import publish_hint
from apps.tenants.models import Tenant
from apps.tenants.permissions import Permission


@transaction.atomic
def enqueue(
    kind: Kind,
    *,
    target: str,
    target_label: str,
    tenant: Tenant | None,
    actor: Actor,
    application_id: int | None = None,
    permission: Permission | None = None,
    **payload: Any,
) -> Operation:
    """Accept a wish for `target` (`application:7`), in the caller's transaction.

    `permission` is asked of the actor again when the work begins.

    A wish that waits there is replaced by this one. While another runs, stop, kill, delete and suspend ask it to
    cancel and wait for it, resume just waits; any other wish raises Busy.
    """
    open_there = Operation.objects.select_for_update().filter(target=target, state__in=OPEN_STATES)
    for other in open_there:
        if other.state == State.RUNNING:
            if kind not in PREEMPTING | PATIENT:
                raise Busy(f"“{other}” is running. Wait for it, or cancel it.")
            if kind in PREEMPTING and other.kind not in PREEMPTING:
                _request_cancel(other)
        elif kind not in LASTING.get(Kind(other.kind), {kind}):
            raise Busy(f"“{other}” is waiting to run. Cancel it first.")
        else:
            _cancel_waiting(other, f"Replaced by a newer wish: {Kind(kind).label.lower()}.")
    try:
        with transaction.atomic():
            operation = Operation.objects.create(
                kind=kind,
                tenant=tenant,
                target=target,
                target_label=target_label,
                application_id=application_id,
                permission=permission or "",
                payload=payload,
                actor_data=actor.to_json(),
            )
    except IntegrityError as error:
        raise Busy(
            f"Somebody else asked something of {target_label} at the same moment. Look, then try again."
        ) from error
    ring(*operation.topics)
    publish_hint()
    return operation


@transaction.atomic
def cancel(operation: Operation, *, actor: Actor) -> None:
    """Cancel what waits; ask what runs to stop at its next step. What has ended stays as it is."""
    locked = Operation.objects.select_for_update().get(pk=operation.pk)
    if locked.state == State.QUEUED:
        _cancel_waiting(locked, f"Cancelled by {actor.label} before it began.")
    elif locked.state == State.RUNNING:
        _request_cancel(locked)
    else:
        raise Busy(f"“{locked}” has already ended: {locked.get_state_display().lower()}.")
    record("operation.cancel", actor=actor, tenant=locked.tenant, label=str(locked), operation_id=locked.pk)


def _request_cancel(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk, state=State.RUNNING).update(cancel_requested_at=timezone.now())
    ring(*operation.topics)


def _cancel_waiting(operation: Operation, why: str) -> None:
    Operation.objects.filter(pk=operation.pk, state=State.QUEUED).update(
        state=State.CANCELLED, finished_at=timezone.now(), error_code="cancelled", error_message=why
    )
    note_end(operation)
