"""The watcher's loops: events as they come, a full comparison now and then, usage, and the sweeper of operations."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.db import close_old_connections

from apps.containers.needs import settle_all
from apps.containers.tenancy import follow_up
from apps.core.errors import PanelError
from apps.engine.client import Engine, engine_at
from apps.engine.errors import EngineTimeout, EngineUnreachable
from apps.engine.types import EngineEvent
from apps.metrics.sampling import forget_old_usage, measure_disk, sample_usage
from apps.nodes.models import Node
from apps.nodes.services import installation, local_node
from apps.operations.tasks import sweep
from apps.watcher.compare import apply_event, note_reachability, resync
from apps.watcher.housekeeping import housekeep

logger = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 60
#: Of what a container uses after its last sample nothing is known, so this is the most that a run can lose.
SAMPLE_S: Final = 60
#: The engine counts every file of every volume for it.
MEASURE_DISK_S: Final = 15 * 60


class Watcher:
    """Runs until `stop()`; each loop survives its faults and says so."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._node_id = local_node().pk

    def run(self) -> None:
        environment = settings.ENVIRONMENT
        settle_all()
        periodic: list[tuple[float, Callable[[], None]]] = [
            (environment.resync_s, self._resync),
            (min(5, environment.lease_s / 4), sweep),
            (HOUSEKEEPING_S, housekeep),
            (SAMPLE_S, self._sample_usage),
            (MEASURE_DISK_S, self._measure_disk),
        ]
        threading.Thread(target=self._follow_events, name="events", daemon=True).start()
        for seconds, action in periodic:
            threading.Thread(target=self._every, args=(seconds, action), name=action.__name__, daemon=True).start()
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()

    def _every(self, seconds: float, action: Callable[[], None]) -> None:
        while not self._stopped.is_set():
            try:
                action()
            except PanelError as error:
                logger.warning("%s", error.message)
            except Exception:
                logger.exception("%s failed", action.__name__)
            finally:
                close_old_connections()
            self._stopped.wait(seconds)

    def _resync(self) -> None:
        node = self._node()
        try:
            resync(engine_at(node.url), node)
        except PanelError as error:
            note_reachability(node, error.message)
            raise
        note_reachability(node)
        follow_up(node)

    def _sample_usage(self) -> None:
        sample_usage(self._node())

    def _measure_disk(self) -> None:
        forget_old_usage()
        measure_disk(self._node())

    def _follow_events(self) -> None:
        """Follow; when the stream breaks, say that we are blind, connect again and compare fully."""
        pause = 0.5
        while not self._stopped.is_set():
            began = time.monotonic()
            node = self._node()
            engine = engine_at(node.url)
            try:
                events = engine.events(installation().label)
                for event in events:
                    if event is None:  # connected: whatever came before is found by comparing
                        self._resync()
                    else:
                        self._apply(engine, event)
            except PanelError as error:
                note_reachability(self._node(), error.message)
                logger.warning("events: %s", error.message)
            except Exception:
                logger.exception("events failed")
            finally:
                close_old_connections()
            pause = 0.5 if time.monotonic() - began > 60 else min(pause * 2, 10)
            self._stopped.wait(pause)

    @staticmethod
    def _apply(engine: Engine, event: EngineEvent) -> None:
        """A fault over one container is that container's; only an engine that is away ends the following."""
        try:
            apply_event(engine, event)
        except (EngineUnreachable, EngineTimeout):
            raise
        except Exception:
            logger.exception("event %s of %s", event.action, event.container_id[:12])

    def _node(self) -> Node:
        return Node.objects.get(pk=self._node_id)
