"""Gathers what a reader reads into blocks, and hands each to all viewers at once."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from apps.streams.lines import Line
from apps.streams.outlet import text_message
from apps.streams.ring import Ring
from apps.streams.subscription import Subscription

#: Lines are gathered for this long, and a little longer the more viewers each batch costs.
BATCH_S: Final = 0.025
BATCH_S_PER_VIEWER: Final = 0.000_005
#: How much one batch may hold, and what it may come to with all its viewers.
MAX_BATCH_BYTES: Final = 1024 * 1024
MAX_FAN_OUT_BYTES: Final = 32 * 1024 * 1024
MIN_BATCH_BYTES: Final = 32 * 1024
#: For this long reading waits for full batches to be handed out. After that lines are dropped, visibly, so that what is
#: shown stays near the present.
PATIENCE_S: Final = 1.0
#: After this many viewers the loop may do something else.
_VIEWERS_IN_A_ROW: Final = 50


class HandOut:
    """Of one log. `members` are its viewers, also those whose subscription has not started yet."""

    def __init__(self, name: str) -> None:
        self.ring = Ring(name)
        self.members: dict[Subscription, None] = {}
        self._name = name
        self._pending: list[Line] = []
        self._pending_bytes = 0
        self._newest = b""
        self._dropped = 0
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._waits_since: float | None = None

    @property
    def _max_bytes(self) -> int:
        return min(MAX_BATCH_BYTES, max(MIN_BATCH_BYTES, MAX_FAN_OUT_BYTES // max(1, len(self.members))))

    @property
    def is_full(self) -> bool:
        return self._pending_bytes >= self._max_bytes

    def add(self, lines: Sequence[Line], size: int, newest: bytes) -> None:
        """Lines that took `size` bytes to say; `newest` is their latest timestamp."""
        if self.is_full:
            self._dropped += len(lines)
        else:
            self._pending += lines
            self._pending_bytes += size
            self._newest = newest
        self._has_news.set()

    async def wait_for_room(self) -> None:
        """Until the batch is handed out, unless that has been waited for too long already."""
        now = time.perf_counter()
        self._waits_since = self._waits_since or now
        if now - self._waits_since < PATIENCE_S:
            self._has_room.clear()
            await self._has_room.wait()

    def remark(self, content: dict[str, object]) -> None:
        """Say something at this place of the log."""
        self.cut()
        self.ring.append_remark(text_message({**content, "source": self._name}))
        self._has_news.set()

    def tell(self, content: dict[str, object]) -> None:
        """Say something to those who look now."""
        for member in self.members:
            member.tell({**content, "source": self._name})

    def cut(self) -> None:
        """Make a block of what is pending."""
        if not self.is_full:
            self._waits_since = None
        if self._pending:
            lines, self._pending, self._pending_bytes = self._pending, [], 0
            self.ring.append_lines(lines, self._newest)
            self._has_room.set()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self.ring.append_remark(text_message({"dropped": dropped, "source": self._name}))

    async def run(self) -> None:
        began = pause_s = 0.0
        while True:
            await self._has_news.wait()
            batch_s = BATCH_S + BATCH_S_PER_VIEWER * len(self.members)
            await asyncio.sleep(max(pause_s, began + batch_s - time.perf_counter()))
            self._has_news.clear()
            began = time.perf_counter()
            self.cut()
            for index, member in enumerate(tuple(self.members), 1):
                member.notify()
                if index % _VIEWERS_IN_A_ROW == 0:
                    await asyncio.sleep(0)
            # However many viewers there are, the loop has a fifth of its time for something else.
            pause_s = (time.perf_counter() - began) / 4
