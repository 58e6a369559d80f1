"""What goes to an engine and comes back, as frozen values. No SDK type leaves this package."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from apps.engine.labels import Labels


class ContainerState(StrEnum):
    """The engine's own words, and `gone` for a container that it no longer knows."""

    CREATED = "created"
    RUNNING = "running"
    RESTARTING = "restarting"
    PAUSED = "paused"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    GONE = "gone"


#: States in which the engine gives a container memory and CPU, whatever the panel wishes.
ALIVE: Final = frozenset({ContainerState.RUNNING, ContainerState.RESTARTING, ContainerState.PAUSED})


class Health(StrEnum):
    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """Durations in nanoseconds, as the engine has them."""

    test: tuple[str, ...]
    interval: int
    timeout: int
    retries: int
    start_period: int


@dataclass(frozen=True, slots=True)
class VolumeMount:
    volume: str
    target: str


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything from which a container is made: a validated service, resolved to objects of the panel.

    `image` is an image id or a digest reference, never a tag. `address` is the container's fixed IPv4 address in
    `network`; `alias` its name there.
    """

    name: str
    image: str
    network: str
    address: str
    alias: str
    labels: Labels
    memory_bytes: int
    cpu_millis: int
    command: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    volumes: tuple[VolumeMount, ...] = ()
    healthcheck: Healthcheck | None = None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the engine knows of an image that it holds."""

    id: str
    architecture: str
    size_bytes: int
    command: tuple[str, ...]
    entrypoint: tuple[str, ...]
    user: str
    workdir: str
    exposed_ports: tuple[int, ...]
    volumes: tuple[str, ...]
    healthcheck: Healthcheck | None
    layers: tuple[str, ...]
    repo_digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObservedContainer:
    """A container as the engine tells of it now. While it runs, only `finished_at` tells of the time before."""

    id: str
    name: str
    labels: Labels
    state: ContainerState
    exit_code: int | None = None
    is_oom_killed: bool = False
    health: Health = Health.NONE
    restart_count: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class ContainerSummary:
    """What a list of containers tells: enough to see whether a closer look is worth it."""

    id: str
    state: ContainerState
    health: Health


@dataclass(frozen=True, slots=True)
class ContainerSample:
    """What a container has used since `started_at`, and what it holds at `at`; both times are the engine's.

    The counters begin at 0 whenever the container starts. `sent_bytes` is what left by its own interfaces;
    `memory_bytes` leaves out the file cache that can be dropped at once.
    """

    at: datetime
    started_at: datetime
    cpu_ms: int
    sent_bytes: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Bytes on a node's disk: the writable layers by the container's id, volumes by their name."""

    layers: Mapping[str, int]
    volumes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something happened to a container: look at it. `exit_code` (of a `die`) is for display only."""

    container_id: str
    action: str
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class LayerProgress:
    """One layer of a pull. `status` is the engine's word; sizes are 0 while unknown."""

    id: str
    status: str
    current_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the check-list asks of an engine. Disk sizes are None where they cannot be read (a remote engine)."""

    engine_id: str
    name: str
    version: str
    api_version: str
    architecture: str
    cpus: int
    memory_bytes: int
    cgroup_version: str
    log_driver: str
    log_drivers: tuple[str, ...]
    security_options: tuple[str, ...]
    data_root: str
    disk_total_bytes: int | None
    disk_free_bytes: int | None
