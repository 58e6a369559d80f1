from collections.abc import Mapping

from django.db.models import Model, QuerySet

from apps.audit.models import Event


def events_of_tenant(tenant_id: int) -> QuerySet[Event]:
    return Event.objects.filter(tenant_id=tenant_id)


def events_about(target: Model, *, tenant_id: int) -> QuerySet[Event]:
    """Events of one object, newest first."""
    return Event.objects.filter(tenant_id=tenant_id, target_type=target._meta.model_name, target_id=target.pk)


def filtered(events: QuerySet[Event], parameters: Mapping[str, str]) -> QuerySet[Event]:
    """Narrowed by `?action=` (a part of it), `?result=` and `?actor=` (a part of the label)."""
    if action := parameters.get("action"):
        events = events.filter(action__contains=action)
    if result := parameters.get("result"):
        events = events.filter(result=result)
    if actor := parameters.get("actor"):
        events = events.filter(actor_label__icontains=actor)
    return events
