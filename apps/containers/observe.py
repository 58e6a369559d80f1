"""Writing what was seen at an engine into the rows: only what changed, and with a ring for whoever looks."""

from django.db import transaction

from apps.containers.models import Application, Container, DesiredState
from apps.containers.needs import settle
from apps.core.doorbell import ring
from apps.engine.types import ContainerState, ObservedContainer
from apps.networking.services import clear_upstream, set_upstream

_FIELDS = ("engine_id", "state", "health", "exit_code", "is_oom_killed", "restart_count", "started_at", "finished_at")
_OF_THE_END = ("exit_code", "is_oom_killed")


def write_observation(container: Container, seen: ObservedContainer | None, **noticed: object) -> bool:
    """Bring the row to what was seen (None: the engine knows it no more); True if anything changed.

    `noticed` is what only an event or a job can tell: `was_stopped`, since somebody asked it to stop; `exit_code` and
    `is_oom_killed`, which an engine forgets the moment it restarts a container.
    """
    values = noticed | _values(seen)
    if seen and seen.state == ContainerState.RUNNING:
        before = {name: getattr(container, name) for name in _OF_THE_END} if seen.restart_count else {}
        values |= before | noticed | {"was_stopped": False}
    changed = [name for name, value in values.items() if getattr(container, name) != value]
    if not changed:
        return False
    was_running = container.state == ContainerState.RUNNING
    for name in changed:
        setattr(container, name, values[name])
    with transaction.atomic():
        Container.objects.filter(pk=container.pk).update(**{name: values[name] for name in changed})
        if was_running != (container.state == ContainerState.RUNNING):  # a route depends on nothing else of it
            route(container.application)
        if "state" in changed and container.application.desired_state != DesiredState.RUNNING:
            settle(container.application_id)  # what stops gives its memory and CPU back
        ring(container.application.topic, f"tenant:{container.application.tenant_id}")
    return True


def route(application: Application) -> None:
    """Route the application's host to its live container, or to nobody: rows decide, whoever calls.

    Only the container of the live release is ever routed; a stopped one never is.
    """
    rows = Application.objects.select_related("domain", "tenant", "release")
    row = rows.filter(pk=application.pk, domain__isnull=False).first()
    if row is None or row.domain is None:
        return
    live = row.containers.filter(release=row.release_id, state=ContainerState.RUNNING).first()
    port = row.release.spec.port if row.release else None
    if live is None or port is None or row.desired_state != DesiredState.RUNNING or row.tenant.is_halted:
        if row.domain.upstream:
            clear_upstream(row.domain)
    elif row.domain.upstream != (upstream := f"{live.address}:{port}"):
        set_upstream(row.domain, upstream)


def _values(seen: ObservedContainer | None) -> dict[str, object]:
    if seen is None:
        return {"state": ContainerState.GONE}
    values: dict[str, object] = {name: getattr(seen, name) for name in _FIELDS if name != "engine_id"}
    return values | {"engine_id": seen.id}
