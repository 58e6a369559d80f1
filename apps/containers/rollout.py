"""The steps by which a release comes to run. Each looks, compares and acts, so that doing it twice is harmless."""

import json
import posixpath
import time
from collections.abc import Sequence
from typing import Final

from django.db import transaction

from apps.containers.models import Application, Attachment, Container, DesiredState, Release
from apps.containers.observe import route, write_observation
from apps.core.doorbell import ring
from apps.core.errors import PanelError
from apps.engine.body import STOP_TIMEOUT_S
from apps.engine.client import Engine
from apps.engine.errors import EngineError, ImageNotFound, PortInUse
from apps.engine.labels import Labels
from apps.engine.types import (
    ContainerSpec,
    ContainerState,
    ImageFacts,
    LayerProgress,
    ObservedContainer,
    VolumeMount,
)
from apps.images.models import Image
from apps.networking.allocator import next_address
from apps.networking.probe import answers, verify_route
from apps.networking.services import release_domain, replace_refused_subnet
from apps.nodes.engines import engine_for
from apps.nodes.models import Installation
from apps.nodes.services import installation
from apps.operations.run import Run
from apps.volumes.models import Volume

SERVICE: Final = "web"
MAX_VOLUMES: Final = 8
READY_TIMEOUT_S: Final = 60
#: The first visit to a host may have to wait for its certificate.
VERIFY_TIMEOUT_S: Final = 30
#: A pull that is slower over this time than this rate is given up.
PULL_WINDOW_S: Final = 60
MIN_PULL_BYTES_PER_S: Final = 16 * 1024
#: A command without a port has proved itself when it still runs after this.
STAYS_UP_S: Final = 1.5
#: Places that a volume or a working directory must not cover.
FORBIDDEN_TARGETS: Final = ("/proc", "/sys", "/dev", "/etc", "/run")
SUBNET_TRIES: Final = 20


class DeployFailed(PanelError):
    """The new container did not prove itself; the code says how."""


class Rollout:
    """One release on its way to its node, within one attempt at an operation."""

    def __init__(self, run: Run, release: Release) -> None:
        self.run = run
        self.release = release
        self.application: Application = release.application
        self.spec = release.spec
        self.engine: Engine = engine_for(self.application.node)
        self._installation = installation()
        self._last_look = (0.0, 0)

    # --- the image ----------------------------------------------------------------------------------------------------
    def pull(self, image: Image) -> ImageFacts:
        """Have the image on the node and usable there; returns what the engine knows of it."""
        facts = self.engine.image(image.run_reference)
        if facts is None and image.tenant_id is None:
            raise ImageNotFound(
                f"The node has lost this installation's image {image.reference}. `make up` builds it again."
            )
        if facts is None:
            self._last_look = (time.monotonic(), 0)
            self.engine.pull(image.run_reference, on_progress=self._show_layers, is_cancelled=self.run.is_cancelled)
            self.run.check(now=True)
            facts = self.engine.image(image.run_reference)
            if facts is None:
                raise EngineError(f"The engine pulled {image.reference} but does not have it.")
        else:
            self.run.progress(detail="Already on the node")
        self._check_image(facts)
        return facts

    def _show_layers(self, layers: list[LayerProgress]) -> None:
        self._check_speed(layers)
        self.run.progress(
            layers=[
                {
                    "id": layer.id,
                    "status": layer.status,
                    "current_bytes": layer.current_bytes,
                    "total_bytes": layer.total_bytes,
                }
                for layer in layers
            ]
        )

    def _check_speed(self, layers: list[LayerProgress]) -> None:
        """A registry that drips would hold the engine's few download slots, which all tenants share."""
        since, bytes_then = self._last_look
        if time.monotonic() - since < PULL_WINDOW_S:
            return
        bytes_now = sum(layer.current_bytes for layer in layers)
        is_downloading = any(layer.status == "Downloading" for layer in layers)
        if is_downloading and bytes_now - bytes_then < PULL_WINDOW_S * MIN_PULL_BYTES_PER_S:
            raise DeployFailed(
                f"The registry delivers less than {MIN_PULL_BYTES_PER_S // 1024} KiB a second. Try again later.",
                code="registry-too-slow",
            )
        self._last_look = (time.monotonic(), bytes_now)

    def _check_image(self, facts: ImageFacts) -> None:
        if len(facts.volumes) > MAX_VOLUMES:
            raise DeployFailed(
                f"The image asks for {len(facts.volumes)} volumes; at most {MAX_VOLUMES} are allowed.",
                code="image-volumes",
            )
        for target in facts.volumes:
            if not _is_allowed_target(target) or target == "/":
                raise DeployFailed(
                    f"The image asks for a volume at “{target}”, which is not allowed.", code="image-volumes"
                )
        if facts.workdir and not _is_allowed_target(facts.workdir):
            raise DeployFailed(f"The image's working directory “{facts.workdir}” is not allowed.", code="image-workdir")

    # --- the container ------------------------------------------------------------------------------------------------
    def create(self, facts: ImageFacts) -> Container:
        """The release's container, made if it is missing, with its network and volumes; not started."""
        self._ensure_network()
        mounts = self._ensure_volumes(facts.volumes)
        container = self._container_row()
        write_observation(container, self._make(container, facts, mounts))
        return container

    def _make(self, container: Container, facts: ImageFacts, mounts: Sequence[VolumeMount]) -> ObservedContainer:
        spec = ContainerSpec(
            name=container.name,
            image=facts.id,
            network=self.application.network.name,
            address=container.address,
            alias=SERVICE,
            labels=self._labels(release=self.release.number, service=SERVICE),
            memory_bytes=self.spec.memory_bytes,
            cpu_millis=self.spec.cpu_millis,
            command=self.spec.command,
            variables=json.loads(self.release.variables_data),
            port=self.spec.port,
            volumes=tuple(mounts),
            healthcheck=facts.healthcheck,
        )
        return self.engine.ensure_container(spec)

    def _container_row(self) -> Container:
        """The row comes before the container, so that no container of ours is ever without one."""
        with transaction.atomic():
            application = Application.objects.select_for_update().only("pk").get(pk=self.application.pk)
            existing = list(application.containers.order_by("-id"))
            for container in existing:
                if (container.release_id, container.service) == (self.release.pk, SERVICE):
                    return container
            in_use = [container.address for container in existing]
            last = in_use[0] if in_use else None
            return Container.objects.create(
                application=self.application,
                release=self.release,
                service=SERVICE,
                name=f"{self._installation.prefix}-a{application.pk}-r{self.release.number}-{SERVICE}-1",
                address=next_address(self.application.network.subnet, in_use, after=last),
            )

    def _ensure_network(self) -> None:
        network = self.application.network
        for _ in range(SUBNET_TRIES):
            try:
                self.engine.ensure_network(
                    network.name, subnet=network.subnet, interface=network.interface, labels=self._labels()
                )
            except PortInUse:
                replace_refused_subnet(network)
            else:
                return
        raise DeployFailed("No free address range was found on the node. Tell the operator.", code="no-subnet")

    def _ensure_volumes(self, targets: Sequence[str]) -> list[VolumeMount]:
        """A panel volume for each VOLUME of the image; what an earlier release had comes back with its data."""
        if not targets:
            return []
        existing = {attachment.target: attachment.volume for attachment in self._attachments()}
        volumes = [existing.get(target) or self._new_volume(target) for target in targets]
        for volume in volumes:
            # Also those that have a row: a worker before this may have come no further, and the engine would make a
            # missing one by itself, without our labels.
            self.engine.ensure_volume(volume.name, labels=self._labels())
        return [VolumeMount(volume.name, target) for volume, target in zip(volumes, targets, strict=True)]

    def _new_volume(self, target: str) -> Volume:
        application = self.application
        with transaction.atomic():
            number = application.attachments.count() + 1
            volume = Volume.objects.create(
                tenant=application.tenant,
                node=application.node,
                name=f"{self._installation.prefix}-a{application.pk}-v{number}",
            )
            Attachment.objects.create(application=application, volume=volume, target=target)
        return volume

    def _attachments(self) -> Sequence[Attachment]:
        return list(self.application.attachments.select_related("volume"))

    def _labels(self, **more: str | int) -> Labels:
        return Labels(
            installation=self._installation.label,
            tenant=self.application.tenant_id,
            application=self.application.pk,
            **more,  # type: ignore[arg-type]
        )

    # --- its proof ----------------------------------------------------------------------------------------------------
    def start(self, container: Container) -> None:
        self.engine.start_container(container.engine_id)
        self.observe(container)

    def wait_until_ready(self, container: Container) -> None:
        """Until the container answers at its port, or has stayed up without one. Raises DeployFailed if it does not."""
        port = self.spec.port
        patience = READY_TIMEOUT_S if port else STAYS_UP_S
        began = time.monotonic()
        pause = 0.02
        while time.monotonic() - began < patience:
            self.run.check()
            if port and answers(container.address, port, timeout_s=0.5):
                return
            self._check_still_up(container)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.3)
        if port is None:
            self._check_never_restarted(container)
        else:
            raise DeployFailed(
                f"Nothing answered on port {port} within {READY_TIMEOUT_S} seconds. Does the application listen there, "
                f"on all addresses (0.0.0.0) rather than 127.0.0.1? {self._last_words(container)}",
                code="port-silent",
            )

    def _check_still_up(self, container: Container) -> None:
        seen = self.observe(container)
        if seen is None:
            raise DeployFailed("The container was removed outside the panel while it started.", code="container-gone")
        if seen.state in {ContainerState.EXITED, ContainerState.DEAD, ContainerState.RESTARTING}:
            why = "it ran out of memory" if seen.is_oom_killed else f"exit code {seen.exit_code}"
            when = f"before it answered on port {self.spec.port}" if self.spec.port else "as soon as it was started"
            raise DeployFailed(
                f"The command ended {when} ({why}). {self._last_words(container)}", code="exited-at-once"
            )

    def _check_never_restarted(self, container: Container) -> None:
        if container.restart_count:
            raise DeployFailed(
                f"The command ended {container.restart_count} times within {STAYS_UP_S} seconds. "
                f"{self._last_words(container)}",
                code="exited-at-once",
            )

    def _last_words(self, container: Container) -> str:
        lines = [line.strip() for line in self.engine.last_lines(container.engine_id, 5).splitlines() if line.strip()]
        return f"Its last words: “{' / '.join(lines)[-300:]}”" if lines else "It wrote nothing."

    def verify(self) -> None:
        """The address answers through the proxy, and not with a page of the proxy's own."""
        domain = self.application.domain
        if domain is None:
            return
        answer = verify_route(domain.host, timeout_s=VERIFY_TIMEOUT_S)
        if answer.error:
            raise DeployFailed(
                f"The container answers, but the proxy does not lead to it ({answer.error}). "
                "Try again; if it stays so, tell the operator.",
                code="route-silent",
            )
        self.run.progress(detail=f"Answered with HTTP {answer.status}")

    # --- the change-over --------------------------------------------------------------------------------------------
    def serve(self, release: Release | None) -> None:
        """From now on this release is the one that serves (None: none does): row and route change together."""
        with transaction.atomic():
            application = self.application
            application.release = release
            application.desired_state = DesiredState.RUNNING if release else application.desired_state
            application.save(update_fields=["release", "desired_state"])
            if release and release.spec.port is None and application.domain:
                domain, application.domain = application.domain, None
                application.save(update_fields=["domain"])
                release_domain(domain)
            route(application)
            ring(application.topic, f"tenant:{application.tenant_id}")

    def stop(self, container: Container) -> None:
        self.engine.stop_container(container.engine_id, timeout_s=STOP_TIMEOUT_S)
        self.observe(container, was_stopped=True)

    def remove(self, container: Container) -> None:
        """Stop it gracefully and remove it, at the engine and here."""
        remove_from_engine(self.engine, container, self._installation)
        container.delete()

    def observe(self, container: Container, **noticed: object) -> ObservedContainer | None:
        seen = self.engine.container(container.name)
        write_observation(container, seen, **noticed)
        return seen


def remove_from_engine(engine: Engine, container: Container, ours: Installation) -> None:
    """Stop and remove what is labelled as this application's; whatever else has the name is left alone."""
    seen = engine.container(container.engine_id or container.name)
    if seen is None or (seen.labels.installation, seen.labels.application) != (ours.label, container.application_id):
        return
    engine.stop_container(seen.id, timeout_s=STOP_TIMEOUT_S)
    engine.remove_container(seen.id)


def _is_allowed_target(path: str) -> bool:
    # POSIX, and so `normpath`, keeps two leading slashes; the kernel does not.
    is_normal = posixpath.normpath(path) == (path.rstrip("/") or "/")
    if not path.startswith("/") or path.startswith("//") or not is_normal or "\0" in path or ":" in path:
        return False
    return not any(path == place or path.startswith(place + "/") for place in FORBIDDEN_TARGETS)
