"""Reading again what the engine still holds of a log: for viewers who come back, and to prove a loss."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple

from apps.engine import stream as engine
from apps.streams.lines import Cursor, Line, Sieve, parser_for, seconds_of
from apps.streams.ring import Ring
from apps.streams.rotation import Leap

#: Read a little more than one viewer needs: after a restart of the panel many come back at about the same place.
_MORE_S = 10
#: Timestamps of the two streams may be this far out of order.
_DISORDER_S = 2
#: Lines that may have come since a leap was noticed.
_JUST_READ_LINES = 20_000
#: Bytes of a row beside its text.
_ROW_OVERHEAD = 11


@dataclass(frozen=True, slots=True)
class Past:
    """Lines before a ring's first; `cut` of those after the cursor were too many to keep."""

    lines: Sequence[Line]
    cut: int
    reaches_cursor: bool


async def read_back(url: str, container_id: str, cursor: Cursor, ring: Ring) -> Past:
    """The lines between the cursor (and a little before) and the ring's first, the newest that fit into the ring."""
    first = ring.first_line
    if first is None:
        return Past((), cut=0, reaches_cursor=False)
    kept: deque[Line] = deque()
    room, size, cut, reaches_cursor = ring.room, 0, 0, False
    lines = _lines(
        url, container_id, since=seconds_of(cursor.newest, -_MORE_S), until=seconds_of(first.stamp, _DISORDER_S)
    )
    async with aclosing(lines):
        async for line in lines:
            if line[:2] == first[:2]:
                return Past(tuple(kept), cut, reaches_cursor)
            reaches_cursor = reaches_cursor or line.stamp == cursor.newest
            kept.append(line)
            size += len(line.text) + _ROW_OVERHEAD
            while size > room:
                gone = kept.popleft()
                size -= len(gone.text) + _ROW_OVERHEAD
                cut += gone.stamp > cursor.newest
    # The engine no longer has the ring's first line: most of what it gave is in the ring, or will come to it.
    return Past(tuple(line for line in kept if line.stamp < first.stamp), cut, reaches_cursor=False)


class Missed(NamedTuple):
    """How many lines the engine holds within a leap, and whether it still holds where the leap begins."""

    lines: int
    has_begin: bool


async def count_missed(url: str, container_id: str, leap: Leap) -> Missed:
    """Ask the engine, which reads only the end of the log for that, what is within a leap that was just read."""
    count, has_begin = 0, False
    async with aclosing(_lines(url, container_id, tail=2 * leap.lines + _JUST_READ_LINES)) as lines:
        async for line in lines:
            has_begin = has_begin or line.stamp == leap.before
            count += leap.before < line.stamp < leap.after
    return Missed(count, has_begin)


async def newest_stamp(url: str, container_id: str) -> bytes:
    """When the last line of a log was written; empty if it has none."""
    newest = b""
    async with aclosing(_lines(url, container_id, tail=1)) as lines:
        async for line in lines:
            newest = max(newest, line.stamp)
    return newest


async def _lines(
    url: str, container_id: str, *, tail: int | None = None, since: str = "", until: str = ""
) -> AsyncGenerator[Line, None]:
    facts = await engine.inspect(url, container_id)
    parser, sieve = parser_for(has_tty=facts.has_tty), Sieve()
    async with engine.logs(url, container_id, follow=False, tail=tail, since=since, until=until) as stream:
        while data := await stream.read():
            for line in sieve.admit(parser.feed(data)):
                yield line
