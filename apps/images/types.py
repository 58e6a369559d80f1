"""What the panel knows about an image before any of it is on a node."""

from dataclasses import dataclass

from apps.images.reference import Reference


@dataclass(frozen=True, slots=True)
class Layer:
    """One compressed layer, as it travels from the registry."""

    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """The image's own check; None means Docker's default. `test` is Docker's form: `("CMD-SHELL", "curl …")`."""

    test: tuple[str, ...]
    interval_s: float | None
    timeout_s: float | None
    start_period_s: float | None
    retries: int | None


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The defaults that the image's author gave. Untrusted: check it like a tenant's own input before use."""

    cmd: tuple[str, ...]
    entrypoint: tuple[str, ...]
    user: str
    exposed_ports: tuple[str, ...]
    """Sorted, always with the protocol: `80/tcp`."""
    volumes: tuple[str, ...]
    workdir: str
    healthcheck: Healthcheck | None
    env_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """What a reference meant at the moment of asking, proved to be readable without a login."""

    reference: Reference
    digest: str
    """Of what was asked for: the index where there is one, else the manifest. This is what a release pins."""
    manifest_digest: str
    """Of the manifest for `architecture`; the same as `digest` where there is no index."""
    architecture: str
    size_bytes: int
    """Compressed, all layers together: what a pull transfers at most."""
    layers: tuple[Layer, ...]
    config: ImageConfig

    @property
    def pinned(self) -> str:
        """The reference to hand to the engine: `docker.io/library/nginx@sha256:…`."""
        return self.reference.pinned(self.digest)
