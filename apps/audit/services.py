"""The only way into the audit log."""

from typing import Any, Protocol

from apps.audit.actions import ACTIONS
from apps.audit.actor import Actor
from apps.audit.models import MAX_LABEL, Event, Result


class Tenant(Protocol):
    """What the log copies of a tenant."""

    pk: Any
    name: Any


def record(
    action: str,
    *,
    actor: Actor,
    tenant: Tenant | None = None,
    target: Any = None,
    result: Result = Result.DONE,
    ref: str = "",
    label: str = "",
    operation_id: int | None = None,
    **data: Any,
) -> Event:
    """Append one event in the caller's transaction.

    `target` is any model instance; its class name, id and `str()` are copied. Without an instance at hand, `ref`
    (`application:7`) and `label` say the same. `data` must hold no secrets: callers
    pass names of variables, never values. Raises KeyError for an action that `actions.py` does not register.
    """
    ACTIONS[action]
    target_type, _, target_id = ref.partition(":")
    return Event.objects.create(
        action=action,
        result=result,
        tenant_id=tenant.pk if tenant else None,
        tenant_label=str(tenant.name) if tenant else "",
        actor_id=actor.user_id,
        actor_label=actor.label,
        token_id=actor.token_id,
        ip=actor.ip,
        request_id=actor.request_id,
        target_type=target._meta.model_name if target is not None else target_type,
        target_id=target.pk if target is not None else int(target_id) if target_id else None,
        target_label=(str(target) if target is not None else label)[:MAX_LABEL],
        operation_id=operation_id,
        data=data,
    )
