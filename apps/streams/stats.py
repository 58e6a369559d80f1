"""Live use of CPU and memory: one reader of the engine's samples per container, one socket per page."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

from apps.engine import stream as engine
from apps.engine.errors import EngineError, ObjectNotFound
from apps.engine.readings import memory_in_use
from apps.streams.applications import ApplicationSocket
from apps.streams.hub import Hub
from apps.streams.sockets import Receive, Scope, Send
from apps.tenants.permissions import Permission

logger = logging.getLogger(__name__)

_RETRY_S: Final = 2.0
#: Samples of several containers that come within this time are told together.
_GATHER_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Usage:
    cpu_cores: float
    memory_bytes: int
    cpu_limit_cores: float | None
    memory_limit_bytes: int | None


def usage_of(sample: dict[str, Any], facts: engine.ContainerFacts) -> Usage | None:
    """A sample as `docker stats` reads it; None for the first one, which has nothing to compare with."""
    cpu, before = sample["cpu_stats"], sample["precpu_stats"]
    memory_bytes = memory_in_use(sample["memory_stats"])
    if "system_cpu_usage" not in cpu or "system_cpu_usage" not in before or memory_bytes is None:
        return None
    used = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = cpu["system_cpu_usage"] - before["system_cpu_usage"]
    cores = cpu.get("online_cpus") or len(cpu["cpu_usage"].get("percpu_usage") or ()) or 1
    return Usage(
        cpu_cores=round(max(0, used) / passed * cores, 4) if passed > 0 else 0.0,
        memory_bytes=memory_bytes,
        cpu_limit_cores=facts.cpu_limit_cores,
        memory_limit_bytes=facts.memory_limit_bytes,
    )


class StatsReader:
    """`usage` is None while the container does not run, `trouble` says why nothing is known."""

    def __init__(self, url: str, container_id: str, on_idle: Callable[["StatsReader"], None]) -> None:
        self.url = url
        self.container_id = container_id
        self.usage: Usage | None = None
        self.trouble: str | None = None
        self._on_idle = on_idle
        self._members: dict[Callable[[], None], None] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        return not self._members

    def join(self, on_sample: Callable[[], None]) -> None:
        self._members[on_sample] = None
        on_sample()

    def leave(self, on_sample: Callable[[], None]) -> None:
        self._members.pop(on_sample, None)
        if not self._members:
            self._on_idle(self)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._read_forever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _read_forever(self) -> None:
        while True:
            try:
                facts = await engine.inspect(self.url, self.container_id)
                self._tell(None, None)
                if facts.is_running:
                    await self._read(facts)
            except ObjectNotFound:
                self._tell(None, None)
                return
            except EngineError as error:
                self._tell(None, error.message)
            except Exception:
                logger.exception("reading the statistics of %s", self.container_id[:12])
                self._tell(None, "The statistics cannot be read because of an internal error.")
            await asyncio.sleep(_RETRY_S)

    async def _read(self, facts: engine.ContainerFacts) -> None:
        async with engine.stats(self.url, self.container_id) as samples:
            async for sample in samples:
                usage = usage_of(sample, facts)
                if usage is not None:
                    self._tell(usage, None)

    def _tell(self, usage: Usage | None, trouble: str | None) -> None:
        if (usage, trouble) != (self.usage, self.trouble):
            self.usage, self.trouble = usage, trouble
            for on_sample in tuple(self._members):
                on_sample()


hub: Final = Hub(StatsReader)


class StatsSocket(ApplicationSocket):
    """Tells `{"cpu_cores": …, "memory_bytes": …, "containers": […]}` about once a second."""

    permission: ClassVar[Permission] = Permission.VIEW

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._readers: dict[str, StatsReader] = {}
        self._telling: asyncio.TimerHandle | None = None

    async def end(self) -> None:
        await super().end()
        if self._telling is not None:
            self._telling.cancel()
        for reader in self._readers.values():
            reader.leave(self._on_sample)

    def sources_changed(self) -> None:
        urls = {container.container_id: container.node_url for container in self.sources.containers}
        for gone in self._readers.keys() - urls.keys():
            self._readers.pop(gone).leave(self._on_sample)
        for container_id in urls.keys() - self._readers.keys():
            reader = self._readers[container_id] = hub.reader(urls[container_id], container_id)
            reader.join(self._on_sample)
        self._on_sample()

    def _on_sample(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_GATHER_S, self._tell)

    def _tell(self) -> None:
        self._telling = None
        labels = {container.container_id: container.label for container in self.sources.containers}
        used = {key: reader.usage for key, reader in self._readers.items() if reader.usage is not None}
        self.outlet.tell(
            {
                "cpu_cores": round(sum(usage.cpu_cores for usage in used.values()), 4) if used else None,
                "memory_bytes": sum(usage.memory_bytes for usage in used.values()) if used else None,
                "containers": [{"label": labels.get(key, ""), **asdict(usage)} for key, usage in used.items()],
                "error": next((reader.trouble for reader in self._readers.values() if reader.trouble), None),
            }
        )
