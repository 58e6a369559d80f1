"""Deploys through the panel against the same calls with the SDK alone, taken in turn on the same engine."""

import os
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from queue import Queue

import docker

from apps.engine.body import create_body
from apps.engine.labels import Labels
from apps.engine.types import ContainerSpec
from panel.preparation import LOCAL_ENGINE
from tests.support.system import System, running_system
from tests.support.visitor import Visitor, set_up

PAIRS = 20
FIRST_PAIRS = 8
DEPLOYS = 50
AT_ONCE = 8
RAW_LABEL = f"berth-bench-{os.getpid()}"
SAMPLE = "berth/sample:1"
MEMORY_BYTES = 64 * 1024 * 1024


def run() -> dict[str, float]:
    with running_system() as system, raw_network() as raw:
        visitor = set_up(system)
        figures = measure_redeploys(system, visitor, raw)
        figures |= measure_first_deploys(system, visitor, raw)
        figures |= measure_throughput(system, visitor, raw)
    return figures


# --- what is compared -------------------------------------------------------------------------------------------------
def measure_redeploys(system: System, visitor: Visitor, raw: "Raw") -> dict[str, float]:
    """POST of a redeploy until its container runs, over create and start of the same body."""
    visitor.get("/t/acme/new/")
    visitor.post("/t/acme/new/sample/")
    await_quiet(system)
    visitor.get("/t/acme/applications/sample/")
    with Starts() as starts:
        plain, panel = [], []
        for _ in range(PAIRS):
            plain.append(starts.time(raw.create_and_start))
            panel.append(starts.time(lambda: visitor.post("/t/acme/applications/sample/deploy/")))
            await_quiet(system)
            raw.remove_all()
    return ratio("deploy", plain, panel)


def measure_first_deploys(system: System, visitor: Visitor, raw: "Raw") -> dict[str, float]:
    """The same for applications that are new: their network is made too."""
    with Starts() as starts:
        plain, panel = [], []
        for number in range(FIRST_PAIRS):
            plain.append(starts.time(lambda number=number: raw.create_network_and_start(number)))
            panel.append(starts.time(lambda: visitor.post("/t/acme/new/sample/")))
            await_quiet(system)
            raw.remove_all()
    return ratio("first_deploy", plain, panel)


def measure_throughput(system: System, visitor: Visitor, raw: "Raw") -> dict[str, float]:
    """Fifty deploys, eight at once: the new container starts, the one before is stopped and removed."""
    with closing(sqlite3.connect(system.data_dir / "berth.sqlite3")) as database:
        slugs = [slug for (slug,) in database.execute("SELECT slug FROM containers_application LIMIT ?", (AT_ONCE,))]
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(raw.replace, range(DEPLOYS)))
    plain_s = time.perf_counter() - began
    raw.remove_all()

    free: Queue[str] = Queue()
    for slug in slugs:
        free.put(slug)

    def deploy(_: int) -> None:
        slug = free.get()
        person = Visitor(visitor.base_url, dict(visitor.cookies), visitor.token)
        path = person.post(f"/t/acme/applications/{slug}/deploy/").headers["Location"]
        await_end(system, int(path.rstrip("/").rpartition("/")[2]))
        free.put(slug)

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(deploy, range(DEPLOYS)))
    panel_s = time.perf_counter() - began
    return {
        "deploys_per_s_c8_raw": DEPLOYS / plain_s,
        "deploys_per_s_c8": DEPLOYS / panel_s,
        "deploy_throughput_ratio_c8": plain_s / panel_s,
    }


def ratio(name: str, plain: list[float], panel: list[float]) -> dict[str, float]:
    raw_ms, panel_ms = statistics.median(plain) * 1000, statistics.median(panel) * 1000
    return {f"{name}_p50_raw_ms": raw_ms, f"{name}_p50_ms": panel_ms, f"{name}_p50_ratio": panel_ms / raw_ms}


# --- the SDK alone ----------------------------------------------------------------------------------------------------
@dataclass
class Raw:
    """A person's script: the same image, body and limits, on a network of its own."""

    spec: ContainerSpec
    made: int = 0

    def __post_init__(self) -> None:
        self.api = docker.APIClient(base_url=LOCAL_ENGINE, version="1.41")
        self._lock = threading.Lock()
        self._local = threading.local()

    def create_and_start(self, spec: ContainerSpec | None = None) -> str:
        with self._lock:
            self.made += 1
            number = self.made
        spec = replace(
            spec or self.spec, name=f"{RAW_LABEL}-{number}", address=f"{self.spec.address[:-1]}{number % 200 + 20}"
        )
        api = self._api()
        container: str = api.create_container_from_config(create_body(spec), name=spec.name)["Id"]
        api.start(container)
        return container

    def create_network_and_start(self, number: int) -> None:
        name = f"{RAW_LABEL}-{number}"
        make_network(self.api, name, f"10.219.{number + 1}.0/24")
        spec = replace(self.spec, network=name, name=f"{name}-c", address=f"10.219.{number + 1}.9")
        container = self.api.create_container_from_config(create_body(spec), name=spec.name)["Id"]
        self.api.start(container)

    def replace(self, number: int) -> None:
        """What a deploy does: start the new one, stop and remove the one before."""
        old = getattr(self._local, "container", None)
        self._local.container = self.create_and_start()
        if old:
            api = self._api()
            api.stop(old, timeout=10)
            api.remove_container(old, force=True, v=True)

    def remove_all(self) -> None:
        for container in self.api.containers(all=True, filters={"label": f"berth.installation={RAW_LABEL}"}):
            self.api.remove_container(container["Id"], force=True, v=True)
        for network in self.api.networks(filters={"name": f"{RAW_LABEL}-"}):
            self.api.remove_network(network["Id"])

    def _api(self) -> docker.APIClient:
        if not hasattr(self._local, "api"):
            self._local.api = docker.APIClient(base_url=LOCAL_ENGINE, version="1.41")
        return self._local.api


@contextmanager
def raw_network() -> Iterator[Raw]:
    api = docker.APIClient(base_url=LOCAL_ENGINE, version="1.41")
    make_network(api, RAW_LABEL, "10.219.0.0/24")
    raw = Raw(
        ContainerSpec(
            name="", image=SAMPLE, network=RAW_LABEL, address="10.219.0.0", alias="web",
            labels=Labels(RAW_LABEL), memory_bytes=MEMORY_BYTES, cpu_millis=250, port=8080,
        )
    )  # fmt: skip
    try:
        yield raw
    finally:
        raw.remove_all()
        # Docker 20.10 sometimes keeps an endpoint of a container that is gone, and then the network until it restarts.
        with suppress(docker.errors.APIError):
            api.remove_network(RAW_LABEL)


def make_network(api: docker.APIClient, name: str, subnet: str) -> None:
    pools = [docker.types.IPAMPool(subnet=subnet)]
    api.create_network(name, driver="bridge", ipam=docker.types.IPAMConfig(pool_configs=pools))


# --- watching ---------------------------------------------------------------------------------------------------------
class Starts:
    """Tells when the engine says that the next container has started."""

    def __enter__(self) -> "Starts":
        self._seen: Queue[float] = Queue()
        self._api = docker.APIClient(base_url=LOCAL_ENGINE, version="1.41", timeout=None)
        self._stream = self._api.events(filters={"type": "container", "event": "start"}, decode=True)
        threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def _follow(self) -> None:
        try:
            for _ in self._stream:
                self._seen.put(time.perf_counter())
        except Exception:  # the connection was closed: the measurement is over
            return

    def time(self, action: Callable[[], object]) -> float:
        """Seconds from the beginning of `action` until a container has started."""
        began = time.perf_counter()
        action()
        return self._seen.get(timeout=30) - began


def await_quiet(system: System) -> None:
    """Until no operation is open."""
    _await(system, "SELECT 1 FROM operations_operation WHERE state IN ('queued', 'running')", ())


def await_end(system: System, operation: int) -> None:
    _await(system, "SELECT 1 FROM operations_operation WHERE id = ? AND state IN ('queued', 'running')", (operation,))


def _await(system: System, unless: str, parameters: tuple[int, ...]) -> None:
    with closing(sqlite3.connect(system.data_dir / "berth.sqlite3", timeout=20)) as database:
        while database.execute(unless, parameters).fetchone():
            time.sleep(0.03)
