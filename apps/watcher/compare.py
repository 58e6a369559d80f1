"""Bringing rows to what an engine tells: one event at a time, or everything at once."""

from typing import Final

from django.db.models import QuerySet

from apps.containers.models import Application, Container
from apps.containers.observe import write_observation
from apps.core.doorbell import ring
from apps.engine.client import Engine
from apps.engine.types import ContainerState, EngineEvent
from apps.networking.services import sync_routes
from apps.nodes.models import Node
from apps.nodes.services import installation, mark_seen

#: Events after which a container may be another. (`exec_*`, `attach`, `top` and the like change nothing.)
TELLING: Final = frozenset(
    {"start", "die", "stop", "restart", "pause", "unpause", "destroy", "health_status", "update"}
)


def apply_event(engine: Engine, event: EngineEvent) -> None:
    """Look at the event's container and write what is seen. Containers without a row of ours are left alone."""
    if event.action == "oom":  # may come hundreds of times a second, while processes of the container die one by one
        _containers().filter(engine_id=event.container_id, is_oom_killed=False).update(is_oom_killed=True)
    if event.action not in TELLING:
        return
    container = _containers().filter(engine_id=event.container_id).first()
    if container is not None:
        write_observation(container, engine.container(event.container_id), **_told(event, container))


def _told(event: EngineEvent, container: Container) -> dict[str, object]:
    match event.action:
        case "stop":
            return {"was_stopped": True}
        case "die" if event.exit_code is not None:
            # The `oom` came before; a process that ended otherwise was not killed for its memory.
            return {"exit_code": event.exit_code, "is_oom_killed": container.is_oom_killed and event.exit_code == 137}
    return {}


def resync(engine: Engine, node: Node) -> None:
    """Compare everything, look closer where a row differs, and rewrite the routes from the rows.

    Engines remember only 256 events, so this is what makes up for those missed. It writes only what changed.
    """
    found = {summary.id: summary for summary in engine.containers(installation().label)}
    for container in _containers().filter(application__node=node).exclude(engine_id=""):
        summary = found.get(container.engine_id)
        if summary is None:
            if container.state != ContainerState.GONE:
                write_observation(container, engine.container(container.engine_id))
        elif (summary.state, summary.health) != (container.state, container.health):
            write_observation(container, engine.container(container.engine_id))
    sync_routes()


def note_reachability(node: Node, error: str = "") -> None:
    """Write whether the engine answers; every open page of an application on it learns of a change."""
    was_reachable = node.is_reachable
    mark_seen(node, error)
    if node.is_reachable != was_reachable:
        for pk, tenant_id in Application.objects.filter(node=node).values_list("pk", "tenant_id"):
            ring(f"application:{pk}", f"tenant:{tenant_id}")


def _containers() -> QuerySet[Container]:
    return Container.objects.select_related("application")
