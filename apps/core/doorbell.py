"""The doorbell: tells open pages that something changed, never what. They fetch it again, with their own rights.

Rings are sent by one background thread a process, so that a slow or absent Redis never delays a request or a job;
rings of the same topic that wait together become one, and after each sending more of them gather for a moment.
"""

import asyncio
import logging
import threading
import time
from functools import partial
from typing import Final

from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

#: A first ring goes out at once, those that follow it this often at most. Pages fetch less often still.
PAUSE_S: Final = 0.1


def group_name(topic: str) -> str:
    """The channel-layer group of a topic such as `operation:42` (group names allow no colon)."""
    return "live." + topic.replace(":", ".")


class _Bell:
    def __init__(self) -> None:
        self._pending: dict[str, None] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def ring(self, topic: str) -> None:
        with self._wake:
            self._pending[topic] = None
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _take(self) -> list[str]:
        with self._wake:
            while not self._pending:
                self._wake.wait()
            topics, self._pending = list(self._pending), {}
            return topics

    def _run(self) -> None:
        # One loop for the life of the thread: the channel layer keeps its Redis connection per loop.
        with asyncio.Runner() as runner:
            while True:
                runner.run(self._send(self._take()))
                time.sleep(PAUSE_S)

    async def _send(self, topics: list[str]) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        for topic in topics:
            try:
                async with asyncio.timeout(2):
                    await layer.group_send(group_name(topic), {"type": "changed", "topic": topic})
            except Exception as error:  # any failure of Redis only pauses live updates
                logger.warning("live updates pause: %s", error)
                return


_bell = _Bell()


def ring(*topics: str) -> None:
    """Ring when the current transaction commits (at once outside of one)."""
    for topic in topics:
        transaction.on_commit(partial(_bell.ring, topic))
