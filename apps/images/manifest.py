"""Reads a registry's documents: image manifests, indexes and configs, of Docker (schema 2) and OCI alike.

They are written by strangers: everything is checked for its type, and what is not needed is ignored.
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from apps.images.errors import ImageUnusable
from apps.images.types import Healthcheck, ImageConfig

MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
_CONFIG_TYPES = frozenset(
    {"application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json"}
)
MAX_LAYERS = 127  # more than that no storage driver of the engine can stack
_PORT = re.compile(r"(?P<number>[0-9]{1,5})(?:/(?P<protocol>tcp|udp|sctp))?")
_NANOSECONDS = 1_000_000_000


class Platform(BaseModel):
    model_config = ConfigDict(frozen=True)

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Descriptor(BaseModel):
    """Names a blob or manifest by its content."""

    model_config = ConfigDict(frozen=True)

    media_type: str = Field("", alias="mediaType")
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    size: int = Field(ge=0)
    platform: Platform = Platform()


class Manifest(BaseModel):
    """One image for one platform."""

    model_config = ConfigDict(frozen=True)

    config: Descriptor
    layers: tuple[Descriptor, ...]


class Index(BaseModel):
    """One name for the same image on several platforms."""

    model_config = ConfigDict(frozen=True)

    manifests: tuple[Descriptor, ...]

    def choose(self, architecture: str) -> Descriptor | None:
        """The first image for Linux on this architecture (Go's name: `amd64`), as the engine would choose."""
        wanted = ("linux", architecture)
        return next((d for d in self.manifests if (d.platform.os, d.platform.architecture) == wanted), None)

    @property
    def platforms(self) -> tuple[str, ...]:
        # Attestations (signatures, SBOMs) stand in an index as images for "unknown/unknown".
        return tuple(dict.fromkeys(str(d.platform) for d in self.manifests if d.platform.os not in {"", "unknown"}))


class _Document(BaseModel):
    """Either of both; which one it is, is told by what is in it."""

    schema_version: int = Field(alias="schemaVersion")
    manifests: tuple[Descriptor, ...] | None = None
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] | None = None


class _Healthcheck(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal)

    test: tuple[str, ...] | None = None
    interval: int | None = None
    timeout: int | None = None
    start_period: int | None = None
    retries: int | None = None


# No honest image comes near; what is read here may be remembered, and so must be bounded.
_Strings = Annotated[tuple[str, ...], Field(max_length=1000)]
_Keys = Annotated[dict[str, Any], Field(max_length=1000)]


class _RunConfig(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal)

    cmd: _Strings | None = None
    entrypoint: _Strings | None = None
    user: str | None = None
    exposed_ports: _Keys | None = None
    volumes: _Keys | None = None
    working_dir: str | None = None
    healthcheck: _Healthcheck | None = None
    env: _Strings | None = None


class _ConfigFile(BaseModel):
    os: str
    architecture: str
    config: _RunConfig | None = None


def read_manifest(body: bytes, name: str) -> Manifest | Index:
    """Read what a manifest request answered, or raise `ImageUnusable` in words about the image called `name`."""
    try:
        document = _Document.model_validate_json(body)
    except ValidationError as error:
        raise ImageUnusable(f"{name} is not a container image: its manifest cannot be read.") from error
    if document.schema_version == 1:
        raise ImageUnusable(f"{name} is in the image format of 2015, which is not supported. Push it again.")
    # A document that reads both ways could be one image to the panel and another to the engine (CVE-2021-41190).
    match document:
        case _Document(manifests=tuple() as manifests, config=None, layers=None):
            return Index(manifests=manifests)
        case _Document(manifests=None, config=Descriptor() as config, layers=tuple() as layers):
            return _check_manifest(Manifest(config=config, layers=layers), name)
    raise ImageUnusable(f"{name} is not a container image: its manifest lists neither layers nor platforms.")


def read_config(body: bytes, name: str) -> tuple[Platform, ImageConfig]:
    """Read an image's config file: what it was made for, and its defaults."""
    try:
        document = _ConfigFile.model_validate_json(body)
    except ValidationError as error:
        raise ImageUnusable(f"{name} cannot be run: its configuration cannot be read.") from error
    run = document.config or _RunConfig()
    return Platform(os=document.os, architecture=document.architecture), ImageConfig(
        cmd=run.cmd or (),
        entrypoint=run.entrypoint or (),
        user=run.user or "",
        exposed_ports=_read_ports(run.exposed_ports or {}),
        volumes=tuple(sorted(run.volumes or {})),
        workdir=run.working_dir or "",
        healthcheck=_read_healthcheck(run.healthcheck),
        env_names=tuple(entry.partition("=")[0] for entry in run.env or ()),
    )


def _check_manifest(manifest: Manifest, name: str) -> Manifest:
    if manifest.config.media_type not in _CONFIG_TYPES:
        raise ImageUnusable(f"{name} is not a container image; it is a “{manifest.config.media_type[:80]}”.")
    if (count := len(manifest.layers)) > MAX_LAYERS:
        raise ImageUnusable(f"{name} has {count} layers; at most {MAX_LAYERS} can be run.")
    return manifest


def _read_ports(exposed: dict[str, Any]) -> tuple[str, ...]:
    matches = filter(None, map(_PORT.fullmatch, exposed))
    ports = {(int(match["number"]), match["protocol"] or "tcp") for match in matches}
    return tuple(f"{number}/{protocol}" for number, protocol in sorted(ports) if 1 <= number <= 65535)


def _read_healthcheck(check: _Healthcheck | None) -> Healthcheck | None:
    # An empty test inherits (from nothing, here), and ["NONE"] switches a base image's check off.
    if check is None or not check.test or check.test[0] == "NONE":
        return None
    return Healthcheck(
        test=check.test,
        interval_s=_seconds(check.interval),
        timeout_s=_seconds(check.timeout),
        start_period_s=_seconds(check.start_period),
        retries=check.retries or None,
    )


def _seconds(nanoseconds: int | None) -> float | None:
    return nanoseconds / _NANOSECONDS if nanoseconds else None
