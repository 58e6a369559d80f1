"""One viewer's place in one log: a position in the ring that all its viewers share."""

from typing import Final

from apps.streams.outlet import Outlet, text_message
from apps.streams.ring import Message, Ring

#: A viewer that fell out of the ring goes on this close to its end.
_REJOIN_BYTES: Final = 256 * 1024


class Subscription:
    """One viewer's place in one log."""

    def __init__(self, ring: Ring, outlet: Outlet, name: str) -> None:
        self._ring = ring
        self._name = name
        self._outlet = outlet
        self._first: Message | None = None
        self._number = 0
        self._line = 0
        self._is_started = False

    def start(self, first: Message | None, number: int) -> None:
        ring = self._ring
        self._first, self._number = first, number
        self._line = ring[number].start_line if number < ring.end else ring.end_line
        self._is_started = True
        self._outlet.add(self)

    def stop(self) -> None:
        self._outlet.remove(self)

    def notify(self) -> None:
        if self._is_started:
            self._outlet.notify()

    def tell(self, content: object) -> None:
        self._outlet.tell(content)

    def take(self) -> Message | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        ring = self._ring
        if self._number >= ring.end:
            return None
        if self._number < ring.first:
            self._number = max(ring.first, ring.number_within(_REJOIN_BYTES))
            dropped = ring[self._number].start_line - self._line
            self._line += dropped
            return text_message({"dropped": dropped, "source": self._name})
        block = ring[self._number]
        self._number += 1
        self._line = block.end_line
        return block.message
