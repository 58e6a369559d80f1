"""Noticing that a log's rotation took lines away under a reader.

Docker 20.10 follows a log badly across a rotation (each seen with `docker logs -f`): a follower that is a file behind
goes on with the newest file and says nothing; one that is not may still lose the end of a file, get lines twice, or
stay with a file that nobody writes to any more. Here the losses are noticed; `Sieve` sees to repeated lines and
`Source` to followers that are stuck.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from apps.streams.lines import Line, instant_of

#: A log entry in the engine's file is about this much longer than in its stream.
FILE_OVERHEAD_BYTES: Final = 36
#: The writing rate is measured over about as many bytes of the past.
_RATE_BYTES: Final = 512 * 1024
#: A leap is suspicious when this part of a file could have been written in it, and lasts at least so long.
_SUSPICIOUS_PART: Final = 0.01
_SUSPICIOUS_S: Final = 0.01
#: It is a loss, asked or not, when it would fill so much of a file and the reader was as far behind.
_CERTAIN_PART: Final = 0.5


class Leap(NamedTuple):
    """Two neighbouring lines between which there may have been others, about `lines` of them."""

    before: bytes
    after: bytes
    lines: int
    is_certain: bool


class RotationWatch:
    """Sees each read's lines and says where time leaps as rotation makes it, in files of `file_bytes`."""

    def __init__(self, file_bytes: int | None) -> None:
        self._file_bytes = file_bytes
        self._last = b""
        self._bytes = 0.0
        self._lines = 0.0
        self._span_s = 0.0
        self._read_at = 0.0
        # The smallest difference seen between this machine's clock and a line's, so that the clocks may differ.
        self._offset_s = float("inf")

    def observe(self, size: int, lines: Sequence[Line], read_at: float) -> Leap | None:
        """`size` bytes were read with these new lines, at `read_at` seconds since 1970 on this machine."""
        if self._file_bytes is None or not lines:
            return None
        last = self._last or lines[0].stamp
        newest = max(lines[-1].stamp, last)
        span_s = instant_of(newest) - instant_of(last)
        leap = self._leap([last, *(line.stamp for line in lines)], read_at) if self._may_hide(span_s) else None
        if leap is None:
            self._remember(size + FILE_OVERHEAD_BYTES * len(lines), len(lines), span_s)
        self._offset_s = min(self._offset_s, read_at - instant_of(newest))
        self._read_at = read_at
        self._last = newest
        return leap

    def _leap(self, stamps: Sequence[bytes], read_at: float) -> Leap | None:
        instants = [instant_of(stamp) for stamp in stamps]
        widest = max(range(1, len(stamps)), key=lambda i: instants[i] - instants[i - 1])
        leap_s = instants[widest] - instants[widest - 1]
        if not self._may_hide(leap_s):
            return None
        delay_s = (self._read_at if widest == 1 else read_at) - instants[widest - 1] - self._offset_s
        return Leap(
            stamps[widest - 1],
            stamps[widest],
            lines=int(leap_s * self._lines / self._span_s),
            is_certain=self._files_in(min(leap_s, delay_s)) >= _CERTAIN_PART,
        )

    def _may_hide(self, seconds: float) -> bool:
        return seconds >= _SUSPICIOUS_S and self._files_in(seconds) >= _SUSPICIOUS_PART

    def _files_in(self, seconds: float) -> float:
        """How many files the container fills in this time, at its rate up to now."""
        rate = self._bytes / self._span_s if self._span_s else 0.0
        return seconds * rate / (self._file_bytes or 1)

    def _remember(self, size: int, lines: int, span_s: float) -> None:
        self._bytes += size
        self._lines += lines
        self._span_s += span_s
        if self._bytes > _RATE_BYTES:
            keep = _RATE_BYTES / self._bytes
            self._bytes, self._lines, self._span_s = _RATE_BYTES, self._lines * keep, self._span_s * keep
