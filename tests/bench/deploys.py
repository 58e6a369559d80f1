"""Deploys through the panel against the same calls with the SDK alone, taken in turn on the same engine."""

import os
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from queue import Queue
from typing import TypeVar

import docker

from apps.engine.body import create_body
from apps.engine.labels import Labels
from apps.engine.types import ContainerSpec
from panel.preparation import LOCAL_ENGINE
from tests.support.process_tree import cpu_s, descendants
from tests.support.system import System, running_system
from tests.support.visitor import Visitor, set_up

PAIRS = 20
FIRST_PAIRS = 8
DEPLOYS = 50
AT_ONCE = 8
RAW_LABEL = f"berth-bench-{os.getpid()}"
SAMPLE = "berth/sample:1"
T = TypeVar("T")
MEMORY_BYTES = 64 * 1024 * 1024


def run() -> dict[str, float]:
    with running_system() as system:
        visitor = set_up(system)
        figures = measure_redeploys(system, visitor)
        figures |= measure_first_deploys(system, visitor)
        figures |= measure_throughput(system, visitor)
    return figures


# --- what is compared -------------------------------------------------------------------------------------------------
def measure_redeploys(system: System, visitor: Visitor) -> dict[str, float]:
    """POST of a redeploy until its container runs, over create and start of the same body."""
    visitor.get("/t/acme/new/")
    visitor.post("/t/acme/new/sample/")
    await_quiet(system)
    visitor.get("/t/acme/applications/sample/")
    plain, panel = [], []
    with Starts() as starts, raw_application() as raw:
        for _ in range(PAIRS):
            plain.append(starts.time(raw.start))
            panel.append(starts.time(lambda: visitor.post("/t/acme/applications/sample/deploy/")))
            await_quiet(system)
            raw.remove_containers()
    return ratio("deploy", plain, panel)


def measure_first_deploys(system: System, visitor: Visitor) -> dict[str, float]:
    """The same for applications that are new: their network is made too."""
    plain, panel = [], []
    with Starts() as starts:
        for _ in range(FIRST_PAIRS):
            with ExitStack() as stack:
                plain.append(starts.time(lambda stack=stack: stack.enter_context(raw_application()).start()))
                panel.append(starts.time(lambda: visitor.post("/t/acme/new/sample/")))
                await_quiet(system)
    return ratio("first_deploy", plain, panel)


def measure_throughput(system: System, visitor: Visitor) -> dict[str, float]:
    """Fifty deploys, eight at once: the new container starts, the one before is stopped and removed."""
    with ExitStack() as stack:
        raw = [stack.enter_context(raw_application(number)) for number in range(AT_ONCE)]
        for application in raw:
            application.start()
        plain_s = time_deploys(raw, RawApplication.redeploy)

    with closing(sqlite3.connect(system.data_dir / "berth.sqlite3")) as database:
        slugs = [slug for (slug,) in database.execute("SELECT slug FROM containers_application LIMIT ?", (AT_ONCE,))]

    people = {slug: Visitor(visitor.base_url, dict(visitor.cookies), visitor.token) for slug in slugs}

    def deploy(slug: str) -> None:
        path = people[slug].post(f"/t/acme/applications/{slug}/deploy/").headers["Location"]
        await_end(system, int(path.rstrip("/").rpartition("/")[2]))

    before_s = cpu_of(system)
    panel_s = time_deploys(slugs, deploy)
    return {
        "deploys_per_s_c8_raw": DEPLOYS / plain_s,
        "deploys_per_s_c8": DEPLOYS / panel_s,
        "deploy_throughput_ratio_c8": plain_s / panel_s,
        "deploy_cpu_ms": (cpu_of(system) - before_s) / DEPLOYS * 1000,
    }


def time_deploys(targets: list[T], deploy: Callable[[T], None]) -> float:
    """Seconds for DEPLOYS deploys to these targets, as many at once as there are targets, one at each."""
    free: Queue[T] = Queue()
    for target in targets:
        free.put(target)

    def take_turns(_: int) -> None:
        target = free.get()
        deploy(target)
        free.put(target)

    began = time.perf_counter()
    with ThreadPoolExecutor(len(targets)) as pool:
        list(pool.map(take_turns, range(DEPLOYS)))
    return time.perf_counter() - began


def cpu_of(system: System) -> float:
    """Seconds of processor time of everything that `make up` started: what a busy machine distorts least."""
    return sum(map(cpu_s, descendants(system.process.pid)))


def ratio(name: str, plain: list[float], panel: list[float]) -> dict[str, float]:
    raw_ms, panel_ms = statistics.median(plain) * 1000, statistics.median(panel) * 1000
    return {f"{name}_p50_raw_ms": raw_ms, f"{name}_p50_ms": panel_ms, f"{name}_p50_ratio": panel_ms / raw_ms}


# --- the SDK alone ----------------------------------------------------------------------------------------------------
class RawApplication:
    """A person's script: the same image, body and limits, on a network of its own."""

    def __init__(self, number: int) -> None:
        self._api = docker.APIClient(base_url=LOCAL_ENGINE, version="1.41")
        self._network = f"{RAW_LABEL}-{number}"
        self._subnet = f"10.219.{number}"
        self._containers: list[str] = []
        self._made = 0
        pools = [docker.types.IPAMPool(subnet=f"{self._subnet}.0/24")]
        self._api.create_network(self._network, driver="bridge", ipam=docker.types.IPAMConfig(pool_configs=pools))

    def start(self) -> None:
        self._made += 1
        spec = ContainerSpec(
            name=f"{self._network}-{self._made}", image=SAMPLE, network=self._network, alias="web",
            address=f"{self._subnet}.{self._made % 200 + 20}", labels=Labels(RAW_LABEL),
            memory_bytes=MEMORY_BYTES, cpu_millis=250, port=8080,
        )  # fmt: skip
        container: str = self._api.create_container_from_config(create_body(spec), name=spec.name)["Id"]
        self._api.start(container)
        self._containers.append(container)

    def redeploy(self) -> None:
        """What a deploy does: start the new one, stop and remove the one before."""
        before = self._containers.pop()
        self.start()
        self._api.stop(before, timeout=10)
        self._api.remove_container(before, force=True, v=True)

    def remove_containers(self) -> None:
        while self._containers:
            self._api.remove_container(self._containers.pop(), force=True, v=True)

    def remove(self) -> None:
        self.remove_containers()
        self._api.remove_network(self._network)


@contextmanager
def raw_application(number: int = 0) -> Iterator[RawApplication]:
    application = RawApplication(number)
    try:
        yield application
    finally:
        application.remove()


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
