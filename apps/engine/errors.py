"""What can go wrong at an engine or a registry, in words for the user. One place maps SDK errors to these."""

from http import HTTPStatus

from apps.core.errors import PanelError


class EngineError(PanelError):
    """The engine refused or failed; the message carries its words."""

    code = "engine-error"
    status = HTTPStatus.BAD_GATEWAY


class EngineUnreachable(EngineError):
    code = "engine-unreachable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class EngineTimeout(EngineError):
    code = "engine-timeout"
    status = HTTPStatus.GATEWAY_TIMEOUT


class ObjectNotFound(EngineError):
    code = "engine-not-found"
    status = HTTPStatus.NOT_FOUND


class Conflict(EngineError):
    code = "engine-conflict"
    status = HTTPStatus.CONFLICT


class OutOfDisk(EngineError):
    code = "out-of-disk"
    status = HTTPStatus.INSUFFICIENT_STORAGE


class PortInUse(EngineError):
    code = "address-in-use"
    status = HTTPStatus.CONFLICT


class CommandNotStartable(EngineError):
    """The engine made the container but could not start its command."""

    code = "command-not-startable"


class ImageNotFound(EngineError):
    code = "image-not-found"
    status = HTTPStatus.NOT_FOUND


class ImagePullDenied(EngineError):
    code = "image-needs-login"
    status = HTTPStatus.FORBIDDEN


class WrongArchitecture(EngineError):
    code = "image-wrong-architecture"


class RegistryUnreachable(EngineError):
    code = "registry-unreachable"
    status = HTTPStatus.BAD_GATEWAY


class RegistryNotAllowed(EngineError):
    code = "registry-not-allowed"
    status = HTTPStatus.FORBIDDEN


class Cancelled(EngineError):
    """The operation was asked to stop while the engine worked for it."""

    code = "cancelled"
