from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from django.db.models import Model, QuerySet
from django.utils import timezone

from apps.audit.models import Event, Result
from apps.core.views import text_of

NOISE_WINDOW: Final = timedelta(minutes=10)
MAX_REFUSALS: Final = 100


def events_of_tenant(tenant_id: int) -> QuerySet[Event]:
    return Event.objects.filter(tenant_id=tenant_id)


def events_about(target: Model, *, tenant_id: int) -> QuerySet[Event]:
    """Events of one object, newest first."""
    return Event.objects.filter(tenant_id=tenant_id, target_type=target._meta.model_name, target_id=target.pk)


def is_noisy(user_id: int) -> bool:
    """Whether so many refusals of this person were recorded lately that more would only bury the rest."""
    since = timezone.now() - NOISE_WINDOW
    return Event.objects.filter(actor_id=user_id, result=Result.REFUSED, at__gt=since).count() >= MAX_REFUSALS


def count_done(tenant_id: int, actions: Collection[str], *, within: timedelta) -> int:
    """How often one of these was done in the tenant lately."""
    since = timezone.now() - within
    return Event.objects.filter(tenant_id=tenant_id, action__in=actions, result=Result.DONE, at__gt=since).count()


def filtered(events: QuerySet[Event], parameters: Mapping[str, str]) -> QuerySet[Event]:
    """Narrowed by `?action=` (a part of it), `?result=` and `?actor=` (a part of the label)."""
    if action := text_of(parameters, "action"):
        events = events.filter(action__contains=action)
    if result := text_of(parameters, "result"):
        events = events.filter(result=result)
    if actor := text_of(parameters, "actor"):
        events = events.filter(actor_label__icontains=actor)
    return events
