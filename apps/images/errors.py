"""What only a registry can do wrong; the rest is in `apps.engine.errors`."""

from http import HTTPStatus

from apps.engine.errors import EngineError


class ImageUnusable(EngineError):
    """What the reference names is no Linux container image, or is beyond the panel's limits."""

    code = "image-not-usable"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class RegistryMisbehaved(EngineError):
    """The registry answered, but not as the Docker Registry API says."""

    code = "registry-misbehaved"
    status = HTTPStatus.BAD_GATEWAY


class RegistryBusy(EngineError):
    """The registry limits how often this installation may ask."""

    code = "registry-busy"
    status = HTTPStatus.SERVICE_UNAVAILABLE
