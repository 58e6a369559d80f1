"""The one place that maps the SDK's errors to ours, and an engine's words to a person's."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import requests
from docker.errors import APIError, DockerException
from docker.errors import ImageNotFound as SdkImageNotFound
from docker.errors import NotFound as SdkNotFound

from apps.core.errors import tidy
from apps.engine import errors

logger = logging.getLogger(__name__)


@contextmanager
def translated() -> Iterator[None]:
    """The one place that maps the SDK's errors to ours."""
    try:
        yield
    except APIError as error:  # first: it is a RequestException too
        raise _api_error(error) from error
    except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectTimeout) as error:
        raise errors.EngineTimeout("The engine did not answer in time. It may be overloaded; try again.") from error
    except requests.exceptions.RequestException as error:
        raise errors.EngineUnreachable("The engine cannot be reached. Applications that run go on running.") from error
    except (DockerException, json.JSONDecodeError, OSError) as error:
        raise errors.EngineUnreachable(f"The engine cannot be reached: {error}") from error


@contextmanager
def gone_is_fine() -> Iterator[None]:
    try:
        yield
    except APIError as error:
        words = str(error.explanation)
        if error.status_code == 404 or "is not running" in words or "already in progress" in words:
            return
        raise


_DISK_FULL: Final = "The node's disk is full. The operator has to free space."
_WORDS: Final = (
    (re.compile(r"no space left on device", re.I), errors.OutOfDisk, _DISK_FULL),
    (re.compile(r"pool overlaps|overlaps with", re.I), errors.PortInUse, "The address range is in use on this node."),
    (re.compile(r"address already in use", re.I), errors.PortInUse, "The container's address is still in use."),
    (
        re.compile(r"exec format error", re.I),
        errors.WrongArchitecture,
        "The image's program is built for another architecture than this node's.",
    ),
)  # fmt: skip
_START_FAILURE: Final = re.compile(
    r"(OCI runtime create failed|failed to create shim|exec: |executable file not found)", re.I
)


def _api_error(error: APIError) -> errors.EngineError:
    words = str(error.explanation or error)
    for pattern, kind, sentence in _WORDS:
        if pattern.search(words):
            return kind(sentence)
    if isinstance(error, SdkImageNotFound) or "No such image" in words:
        return errors.ImageNotFound(f"The image is not on the node: {words}")
    if isinstance(error, SdkNotFound):
        return errors.ObjectNotFound(words)
    if _START_FAILURE.search(words):
        detail = re.search(r'exec: \\?"?(.*?)\\?"?: (.*?)(?:: unknown)?$', words)
        said = f"“{detail[1]}”: {detail[2]}" if detail else words
        return errors.CommandNotStartable(f"The command could not be started: {said}. Check the command and the image.")
    if error.status_code == 409:
        return errors.Conflict(words)
    return errors.EngineError(f"The engine refused: {words}")


def pull_error(reference: str, words: str) -> errors.EngineError:
    lowered = words.lower()
    if "no space left" in lowered:
        return errors.OutOfDisk(_DISK_FULL)
    if "not found" in lowered or "manifest unknown" in lowered:
        return errors.ImageNotFound(f"The registry no longer has {reference}.")
    if "denied" in lowered or "unauthorized" in lowered:
        return errors.ImagePullDenied(f"The registry refuses {reference}: it needs a login.")
    if "no matching manifest" in lowered:
        return errors.WrongArchitecture(f"{reference} is not made for this node's architecture.")
    # The engine follows a registry's redirects anywhere and quotes what it finds there: for the operator's log only.
    logger.warning("pull of %s: %s", reference, tidy(words))
    return errors.RegistryUnreachable(
        f"The registry did not deliver {reference}. Try again; if it stays so, ask its owner."
    )
