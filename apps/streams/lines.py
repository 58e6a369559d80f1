"""Log lines: taken out of the engine's bytes, put in order, made harmless, encoded for the browser. Pure functions.

A line is `(stamp, stream, text)`: the engine's timestamp without its `Z` (fixed width, so it sorts as bytes), which
stream it came from and the bytes of the line. Within one stream the engine's timestamps never go back, so
a *cursor*, the last timestamp of each stream and how many lines bore it, says exactly what a viewer has seen.
"""

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple, Self

from apps.engine.errors import EngineError

STDOUT: Final = 1
STDERR: Final = 2
STREAMS: Final = (STDOUT, STDERR)
_SYSTEM_ERROR: Final = 3  # the engine's own words in place of a line

#: The engine splits lines at 16 KiB; they are joined again up to this size, and cut there.
MAX_LINE_BYTES: Final = 64 * 1024
CUT_MARK: Final = " … (line cut at 64 KiB)".encode()

STAMP_BYTES: Final = 29  # 2026-11-24T04:07:29.655628279
SECOND_BYTES: Final = 20  # 2026-11-24T04:07:29.
_HEAD: Final = 8
_MAX_FRAME_BYTES: Final = 1024 * 1024
_frame_size = struct.Struct(">I").unpack_from


class Line(NamedTuple):
    stamp: bytes
    stream: int
    text: bytes


class Seen(NamedTuple):
    """Of one stream: the last timestamp, and how many lines bore it."""

    stamp: bytes
    times: int


NOTHING: Final = Seen(b"", 0)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What has been seen of one container's log."""

    out: Seen = NOTHING
    err: Seen = NOTHING

    @property
    def newest(self) -> bytes:
        return max(self.out.stamp, self.err.stamp)

    def of(self, stream: int) -> Seen:
        return self.out if stream == STDOUT else self.err

    def with_floor(self, stamp: bytes) -> "Cursor":
        """The same, where everything before `stamp` counts as seen of a stream that said nothing since."""
        floor = Seen(stamp, 0)
        return Cursor(self.out if self.out.stamp else floor, self.err if self.err.stamp else floor)

    @classmethod
    def of_streams(cls, seen: Mapping[int, Seen]) -> Self:
        return cls(seen[STDOUT], seen[STDERR])

    @classmethod
    def before(cls, stamp: bytes) -> Self:
        """The cursor of someone who has seen everything before `stamp` and nothing of it."""
        return cls(Seen(stamp, 0), Seen(stamp, 0))


class FrameParser:
    """Takes lines out of the engine's multiplexed stream: 8 bytes of head (stream, size), then one log entry."""

    def __init__(self) -> None:
        self._rest = b""
        self._pieces: dict[int, _Pieces] = {}

    def feed(self, data: bytes) -> list[Line]:
        data = self._rest + data if self._rest else data
        lines: list[Line] = []
        append, make = lines.append, Line._make
        start, end = 0, len(data)
        while end - start >= _HEAD:
            size: int = _frame_size(data, start + 4)[0]
            body = start + _HEAD
            stop = body + size
            if stop > end:
                if size > _MAX_FRAME_BYTES:
                    raise EngineError("The engine sent something that is no log.")
                break
            stream = data[start]
            if stream == _SYSTEM_ERROR:
                raise EngineError(data[body:stop].decode(errors="replace").strip())
            if data[stop - 1] == 10 and not self._pieces:
                # The common case, spelled out: this runs for every line of every container somebody looks at.
                append(make((data[body : body + STAMP_BYTES], stream, data[body + STAMP_BYTES + 2 : stop - 1])))
            else:
                self._piece(stream, data[body:stop], lines)
            start = stop
        self._rest = data[start:]
        return lines

    def _piece(self, stream: int, entry: bytes, lines: list[Line]) -> None:
        stamp, text = entry[:STAMP_BYTES], entry[STAMP_BYTES + 2 :]
        pieces = self._pieces.setdefault(stream, _Pieces(stamp))
        pieces.add(text.removesuffix(b"\n"))
        if text.endswith(b"\n"):
            lines.append(Line(pieces.stamp, stream, pieces.joined()))
            del self._pieces[stream]

    def finish(self) -> list[Line]:
        """The lines that the end of the stream left without their newline (a program that died in mid-line)."""
        lines = [Line(pieces.stamp, stream, pieces.joined()) for stream, pieces in self._pieces.items()]
        self._pieces = {}
        return lines


class TerminalParser:
    """Takes lines out of the raw stream of a container with a terminal: no heads, one stream, `\\r\\n`."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Line]:
        *entries, rest = (self._rest + data).split(b"\n")
        # Keeps the timestamp of an endless line, so that what follows the cut is still part of it.
        self._rest = rest[: STAMP_BYTES + 2 + 2 * MAX_LINE_BYTES]
        return [self._line(entry) for entry in entries if len(entry) > STAMP_BYTES]

    def finish(self) -> list[Line]:
        rest, self._rest = self._rest, b""
        return [self._line(rest)] if len(rest) > STAMP_BYTES + 2 else []

    @staticmethod
    def _line(entry: bytes) -> Line:
        stamp, text = entry[:STAMP_BYTES], entry[STAMP_BYTES + 2 :].removesuffix(b"\r")
        pieces = _Pieces(stamp)
        # Every 16 KiB piece repeats the timestamp, with nothing to mark where it begins.
        pieces.add(text.replace(stamp + b"Z ", b""))
        return Line(stamp, STDOUT, pieces.joined())


Parser = FrameParser | TerminalParser


def parser_for(*, has_tty: bool) -> Parser:
    return TerminalParser() if has_tty else FrameParser()


class _Pieces:
    """A line that comes in pieces, bounded."""

    def __init__(self, stamp: bytes) -> None:
        self.stamp = stamp
        self._text = bytearray()
        self._is_cut = False

    def add(self, text: bytes) -> None:
        room = MAX_LINE_BYTES - len(self._text)
        self._is_cut = self._is_cut or len(text) > room
        self._text += text[:room]

    def joined(self) -> bytes:
        return bytes(self._text) + (CUT_MARK if self._is_cut else b"")


class Sieve:
    """Lets each line through once: what a cursor has seen already is left out, as often as the engine repeats it.

    Docker 20.10 repeats up to a whole file when it rotates the log under a follower.
    """

    def __init__(self, cursor: Cursor | None = None) -> None:
        start = cursor or Cursor()
        self._seen = {stream: start.of(stream) for stream in STREAMS}
        self._texts: dict[int, bytes] = {}
        # Lines at the cursor's own timestamp that are to come again and were counted.
        self._to_skip = {stream: start.of(stream).times for stream in STREAMS}
        self._newest = start.newest
        self.found_cursor = cursor is None
        self.is_behind = False

    @property
    def cursor(self) -> Cursor:
        return Cursor.of_streams(self._seen)

    def admit(self, lines: Iterable[Line]) -> list[Line]:
        """Those of the lines that are new. `is_behind` says whether the last one was not."""
        fresh: list[Line] = []
        for line in lines:
            stamp, stream, _ = line
            seen = self._seen[stream]
            if stamp > seen.stamp:
                self._seen[stream] = Seen(stamp, 1)
                self._to_skip[stream] = 0
                is_fresh = True
            else:
                is_fresh = self._is_fresh(line, seen)
            self.is_behind = not is_fresh
            if is_fresh:
                self._texts[stream] = line.text
                fresh.append(line)
        return fresh

    def _is_fresh(self, line: Line, seen: Seen) -> bool:
        stamp, stream, text = line
        if stamp == self._newest:
            self.found_cursor = True
        if stamp < seen.stamp:
            return False
        if self._to_skip[stream]:
            self._to_skip[stream] -= 1
            return False
        # The same instant again: another line, unless it is the same line (a repetition of just one).
        if self._texts.get(stream) == text:
            return False
        self._seen[stream] = Seen(stamp, seen.times + 1)
        return True

    def forget_order(self) -> None:
        """Take what comes next as new, whatever its timestamp: the node's clock was set back."""
        self._seen = dict.fromkeys(STREAMS, NOTHING)
        self._texts = {}
        self.is_behind = False


_PREFIX: Final = {STDOUT: b"o", STDERR: b"e"}
_NOT_COLOUR: Final = re.compile(
    rb"\x1b(?!\[[0-9;:]*m)"
    rb"(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?|[ -/]*[0-~])?"
)
_C1: Final = re.compile(rb"\xc2[\x80-\x9f]")
_CONTROLS: Final = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n\x1b")


def encode(source: str, lines: Iterable[Line]) -> bytes:
    """Lines as the browser gets them: UTF-8, one a row, `o` or `e`, nine digits of nanoseconds, the text.

    A row `#<source> <second>` says whose rows follow and to which second they belong.
    """
    head = b"#" + source.encode() + b" "
    parts: list[bytes] = []
    append = parts.append
    second = b"\0"
    for stamp, stream, text in lines:
        if not stamp.startswith(second):
            second = stamp[:SECOND_BYTES]
            append(head + second + b"\n")
        append(_PREFIX[stream] + stamp[SECOND_BYTES:] + text + b"\n")
    return clean(b"".join(parts))


def clean(rows: bytes) -> bytes:
    """Valid UTF-8 without control characters, except tabs, newlines and colours (SGR sequences)."""
    if b"\x1b" in rows:
        rows = _NOT_COLOUR.sub(b"", rows)
    rows = rows.translate(None, _CONTROLS)
    if rows.isascii():
        return rows
    return _C1.sub(b"", rows.decode(errors="replace").encode())


def decode(rows: bytes) -> list[Line]:
    """The inverse of `encode`, of cleaned lines."""
    lines: list[Line] = []
    second = b""
    for row in rows.split(b"\n")[:-1]:
        if row.startswith(b"#"):
            second = row.split(b" ", 1)[1]
        else:
            lines.append(Line(second + row[1:10], STDOUT if row.startswith(b"o") else STDERR, row[10:]))
    return lines


def seconds_of(stamp: bytes, offset_s: int = 0) -> str:
    """A timestamp as the engine's `since` and `until` want it: seconds since 1970 with nine decimals."""
    whole = datetime.fromisoformat(stamp[: SECOND_BYTES - 1].decode()).replace(tzinfo=UTC)
    return f"{int(whole.timestamp()) + offset_s}.{stamp[SECOND_BYTES:].decode()}"


def instant_of(stamp: bytes) -> float:
    """A timestamp as seconds since 1970, good for differences of microseconds."""
    return float(seconds_of(stamp))
