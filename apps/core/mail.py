"""Mail, when the operator has configured it.

One background thread sends, so that no page waits for a mail server, and so that a page takes the same time whether or
not there was something to send. What cannot be delivered to the server is logged: whoever waits for a mail asks again.
"""

import logging
import threading
from queue import Full, Queue
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)

_MAX_WAITING: Final = 500


def is_configured() -> bool:
    return bool(settings.EMAIL_HOST)


def address_of(path: str) -> str:
    """A page's full address for a mail: from the configured base, never from the request's own headers."""
    return f"{settings.ENVIRONMENT.base_url}{path}"


def send_mail(to: str, subject: str, template: str, context: dict[str, object]) -> None:
    """Hand a text to the background thread; returns at once."""
    post(compose(to, subject, template, context))


def compose(to: str, subject: str, template: str, context: dict[str, object]) -> EmailMessage:
    """A mail in plain text from a template, which also gets `site`, the panel's base address."""
    text = render_to_string(template, {**context, "site": settings.ENVIRONMENT.base_url})
    return EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [to])


def post(message: EmailMessage) -> None:
    _postman.post(message)


def wait_until_sent() -> None:
    """Wait for whatever was handed over so far: for commands that end with their last line, and for tests."""
    _postman.wait()


class _Postman:
    def __init__(self) -> None:
        self._waiting: Queue[EmailMessage] = Queue(_MAX_WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def post(self, message: EmailMessage) -> None:
        try:
            self._waiting.put_nowait(message)
        except Full:
            logger.error("too many mails wait: one to %s is dropped", message.to)
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="postman", daemon=True)
                self._thread.start()

    def wait(self) -> None:
        self._waiting.join()

    def _run(self) -> None:
        while True:
            message = self._waiting.get()
            try:
                message.send()
            except Exception as error:  # whatever a mail server does concerns nobody else
                logger.warning("a mail to %s could not be sent: %s", message.to, error)
            finally:
                self._waiting.task_done()


_postman = _Postman()
