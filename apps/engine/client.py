"""The engine, as the rest of Berth sees it: our frozen types in and out, timeouts always set, one error vocabulary."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import docker
from docker.errors import NotFound as SdkNotFound

from apps.engine import errors
from apps.engine.body import create_body, security_drift
from apps.engine.labels import INSTALLATION, TENANT, Labels
from apps.engine.readings import (
    disk_use,
    engine_event,
    engine_facts,
    health_in,
    image_facts,
    observed_container,
    pulled_layer,
)
from apps.engine.translation import gone_is_fine, pull_error, translated
from apps.engine.types import (
    ContainerSpec,
    ContainerState,
    ContainerSummary,
    DiskUse,
    EngineEvent,
    EngineFacts,
    ImageFacts,
    LayerProgress,
    ObservedContainer,
)

API_VERSION: Final = "1.41"
CALL_TIMEOUT_S: Final = 30
#: A pull may be silent for long while the engine unpacks a large layer.
PULL_SILENCE_S: Final = 300
#: The engine walks through every volume and layer.
DISK_TIMEOUT_S: Final = 300

_thread = threading.local()


def engine_at(url: str) -> "Engine":
    """The engine at this URL, one client a thread (its HTTP connections are kept open and are not thread-safe)."""
    engines: dict[str, Engine] = _thread.__dict__.setdefault("engines", {})
    if url not in engines:
        engines[url] = Engine(url)
    return engines[url]


class Engine:
    """A Docker Engine. Every method may raise an `EngineError`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._api: Any = self._connect(CALL_TIMEOUT_S)

    def _connect(self, timeout_s: int | None) -> Any:
        # A fixed version spares a round trip, and keeps later engines from changing what our bodies mean.
        client = docker.APIClient(base_url=self.url, version=API_VERSION, timeout=timeout_s)  # type: ignore[arg-type]
        client.trust_env = False  # no proxy stands between us and our engine
        return client

    # --- the engine itself -------------------------------------------------------------------------------------------
    def facts(self) -> EngineFacts:
        with translated():
            info = self._api.info()
            version = self._api.version(api_version=False)
        return engine_facts(info, version, is_local=self.url.startswith("unix://"))

    def ping(self) -> None:
        with translated():
            self._api.ping()

    def disk_use(self) -> DiskUse:
        """What the node's containers and volumes take on its disk. Costly: the engine counts every file."""
        api = self._connect(DISK_TIMEOUT_S)
        try:
            with translated():
                return disk_use(api.df())
        finally:
            api.close()

    # --- images ------------------------------------------------------------------------------------------------------
    def image(self, reference: str) -> ImageFacts | None:
        """What the engine knows of an image it holds, by id or digest reference; None when it does not hold it."""
        try:
            with translated():
                data = self._api.inspect_image(reference)
        except (errors.ImageNotFound, errors.ObjectNotFound):
            return None
        return image_facts(data)

    def pull(
        self,
        reference: str,
        *,
        on_progress: Callable[[list[LayerProgress]], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Pull a digest reference (`repository@sha256:…`), anonymously.

        Calls `on_progress` with all layers at every line the engine writes. When `is_cancelled` says so between two
        lines, the connection is cut, at which the engine stops the pull; raises Cancelled.
        """
        api = self._connect(PULL_SILENCE_S)
        layers: dict[str, LayerProgress] = {}
        try:
            with translated():
                # `auth_config={}`: never the login file of whoever runs the worker.
                for line in api.pull(reference, stream=True, decode=True, auth_config={}):
                    if is_cancelled():
                        raise errors.Cancelled("The pull was cancelled.")
                    if "error" in line:
                        raise pull_error(reference, line["error"])
                    if layer := pulled_layer(line, layers):
                        layers[layer.id] = layer
                        on_progress(list(layers.values()))
        finally:
            api.close()

    # --- containers --------------------------------------------------------------------------------------------------
    def create_container(self, spec: ContainerSpec) -> ObservedContainer:
        """Create, inspect, compare; returns what was found.

        Raises Conflict when the name exists, and EngineError `spec-drift`, after removing the container, when the
        engine made something else than was asked for.
        """
        body = create_body(spec)
        with translated():
            self._api.create_container_from_config(body, name=spec.name)
            inspected = self._api.inspect_container(spec.name)
        if drift := security_drift(body, inspected):
            self.remove_container(spec.name)
            raise errors.EngineError(f"The engine changed what was asked for: {', '.join(drift)}.", code="spec-drift")
        return observed_container(inspected)

    def ensure_container(self, spec: ContainerSpec) -> ObservedContainer:
        """The container of this specification, made if it is missing, and made again if somebody changed it.

        Raises Conflict when the name belongs to something with other labels.
        """
        with suppress(errors.Conflict):
            return self.create_container(spec)
        with translated():
            inspected = self._api.inspect_container(spec.name)
        _check_labels(spec.name, inspected["Config"]["Labels"], spec.labels)
        if security_drift(create_body(spec), inspected):
            self.remove_container(spec.name)
            return self.create_container(spec)
        return observed_container(inspected)

    def start_container(self, container_id: str) -> None:
        with translated():
            self._api.start(container_id)

    def stop_container(self, container_id: str, *, timeout_s: int) -> None:
        """Ask it to stop, kill it after `timeout_s`. A container that is gone or stopped is success."""
        with translated(), gone_is_fine():
            self._api.stop(container_id, timeout=timeout_s)

    def kill_container(self, container_id: str) -> None:
        """SIGKILL. A container that is gone or not running is success."""
        with translated(), gone_is_fine():
            self._api.kill(container_id)

    def remove_container(self, container_id: str) -> None:
        """Kill and remove, with the anonymous volumes that an image may have made. Gone is success."""
        with translated(), gone_is_fine():
            self._api.remove_container(container_id, force=True, v=True)

    def container(self, name_or_id: str) -> ObservedContainer | None:
        try:
            with translated():
                data = self._api.inspect_container(name_or_id)
        except errors.ObjectNotFound:
            return None
        return observed_container(data)

    def containers(self, installation: str) -> list[ContainerSummary]:
        """All containers that carry this installation's label, running or not, in one call."""
        with translated():
            found = self._api.containers(all=True, filters={"label": f"{INSTALLATION}={installation}"})
        return [
            ContainerSummary(id=data["Id"], state=ContainerState(data["State"]), health=health_in(data["Status"]))
            for data in found
        ]

    def last_lines(self, container_id: str, count: int) -> str:
        """The last lines of both streams, for the sentence that says why it failed."""
        with translated(), gone_is_fine():
            output: bytes = self._api.logs(container_id, tail=count, stdout=True, stderr=True)
            return output.decode(errors="replace")
        return ""

    # --- networks and volumes ----------------------------------------------------------------------------------------
    def ensure_network(self, name: str, *, subnet: str, interface: str, labels: Labels) -> None:
        """Make the bridge if it is missing. Raises PortInUse `subnet-in-use` when the host has the range already."""
        with translated():
            try:
                self._api.inspect_network(name)
            except SdkNotFound:
                pass
            else:
                return
            self._api.create_network(
                name,
                driver="bridge",
                check_duplicate=True,
                labels=labels.to_dict(),
                ipam=docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=subnet)]),
                options={"com.docker.network.bridge.name": interface},
            )

    def remove_network(self, name: str) -> None:
        with translated(), gone_is_fine():
            self._api.remove_network(name)

    def ensure_volume(self, name: str, *, labels: Labels) -> None:
        """Make a local volume without options, or find it. Raises Conflict when it carries other labels than these."""
        with translated():
            volume = self._api.create_volume(name, driver="local", labels=labels.to_dict())
        _check_labels(name, volume["Labels"], labels)

    def remove_volume(self, name: str) -> None:
        with translated(), gone_is_fine():
            self._api.remove_volume(name)

    def names_of_tenant(self, installation: str, tenant: int) -> list[str]:
        """Everything that carries this tenant's label, as `container berth-…`, whoever made it."""
        filters = {"label": [f"{INSTALLATION}={installation}", f"{TENANT}={tenant}"]}
        with translated():
            containers = self._api.containers(all=True, filters=filters)
            networks = self._api.networks(filters=filters)
            volumes = self._api.volumes(filters=filters)["Volumes"] or []
        return [
            *(f"container {data['Names'][0].lstrip('/')}" for data in containers),
            *(f"network {data['Name']}" for data in networks),
            *(f"volume {data['Name']}" for data in volumes),
        ]

    # --- events ------------------------------------------------------------------------------------------------------
    def events(self, installation: str) -> Iterator[EngineEvent | None]:
        """Events of this installation's containers, blocking, until the connection ends.

        The first item is None, when the engine has begun to listen: what is compared from then on misses nothing.
        (Docker remembers only 256 events, so asking for those since the last one is no substitute.)
        """
        api = self._connect(None)
        try:
            with translated():
                stream = api.events(
                    filters={"type": "container", "label": f"{INSTALLATION}={installation}"}, decode=True
                )
                yield None
                for data in stream:
                    yield engine_event(data)
        finally:
            api.close()


def _check_labels(name: str, found: dict[str, str] | None, wanted: Labels) -> None:
    """Names hold row ids, which come again after the restoring of an older backup: the labels tell whose it is."""
    if Labels.from_dict(found or {}) != wanted:
        raise errors.Conflict(
            f"The engine has a {name} that is not this application's. Ask the operator to look at it."
        )
