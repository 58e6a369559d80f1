"""Errors that a person is meant to read. Anything else is a bug and is shown as "internal" with a reference."""

import re
from http import HTTPStatus
from typing import Final

MAX_MESSAGE: Final = 1_000
#: PostgreSQL takes no NUL, and a terminal's control characters have no business on a page.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")


def tidy(text: str) -> str:
    """Text that may quote a stranger (a container's output, a registry's answer), fit to be stored and shown."""
    text = _CONTROLS.sub(" ", text)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


class PanelError(Exception):
    """An expected failure: a stable `code`, a sentence for the user, an HTTP status and, for input, the field."""

    code = "error"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        self.message = tidy(message)
        super().__init__(self.message)
        self.code = code or type(self).code
        self.field = field


class InvalidInput(PanelError):
    """Input outside the rules: names the field, the rule and the value."""

    code = "invalid"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unauthenticated(PanelError):
    """Who asks did not show who they are."""

    code = "unauthenticated"
    status = HTTPStatus.UNAUTHORIZED


class NotFound(PanelError):
    """Not there, or not for this principal to know about."""

    code = "not-found"
    status = HTTPStatus.NOT_FOUND


class Forbidden(PanelError):
    """The principal is known here but lacks the permission."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class Busy(PanelError):
    """Another operation runs on the same target."""

    code = "busy"
    status = HTTPStatus.CONFLICT


class TooManyAttempts(PanelError):
    code = "too-many-attempts"
    status = HTTPStatus.TOO_MANY_REQUESTS
