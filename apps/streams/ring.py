"""The recent past of one log, encoded once and shared by everybody who reads it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.streams.lines import Cursor, Line, Sieve, decode, encode

#: What is kept of each log that somebody looks at, and so how far a viewer may fall behind.
RING_BYTES: Final = 4 * 1024 * 1024
#: Filled at most this far with older lines, so that new ones do not push them out at once.
HISTORY_BYTES: Final = 3 * 1024 * 1024

_PREPEND_LINES: Final = 2_000

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Block:
    """Lines (or a remark) as one WebSocket message; `end_line` counts all lines up to its end."""

    message: Message
    size: int
    lines: int
    end_line: int
    oldest: bytes = b""
    newest: bytes = b""

    @property
    def start_line(self) -> int:
        return self.end_line - self.lines


def bytes_message(rows: bytes) -> Message:
    return {"type": "websocket.send", "bytes": rows}


class Ring:
    """Blocks by consecutive numbers, `first` up to but without `end`; the oldest leave when it is full."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._blocks: dict[int, Block] = {}
        self._bytes = 0
        self.first = 0
        self.end = 0

    def __getitem__(self, number: int) -> Block:
        return self._blocks[number]

    @property
    def end_line(self) -> int:
        """How many lines there were in all up to now (counted from an arbitrary beginning)."""
        return self._blocks[self.end - 1].end_line if self._blocks else 0

    @property
    def room(self) -> int:
        """How many bytes of older lines may be prepended."""
        return max(0, HISTORY_BYTES - self._bytes)

    @property
    def first_line(self) -> Line | None:
        for block in self._blocks_in_order():
            if block.lines:
                return decode(block.message["bytes"])[0]
        return None

    @property
    def oldest(self) -> bytes:
        """The first timestamp kept, empty if there is none."""
        return next((block.oldest for block in self._blocks_in_order() if block.lines), b"")

    def append_lines(self, lines: Sequence[Line], newest: bytes) -> None:
        rows = encode(self._source, lines)
        self._append(
            Block(bytes_message(rows), len(rows), len(lines), self.end_line + len(lines), lines[0].stamp, newest)
        )

    def append_remark(self, message: Message) -> None:
        self._append(Block(message, 64, 0, self.end_line))

    def prepend_lines(self, lines: Sequence[Line]) -> None:
        """Put older lines, in order, before everything that is kept."""
        for start in reversed(range(0, len(lines), _PREPEND_LINES)):
            part = lines[start : start + _PREPEND_LINES]
            rows = encode(self._source, part)
            end_line = self._blocks[self.first].start_line if self._blocks else 0
            newest = max(line.stamp for line in part)
            self.first -= 1
            self._blocks[self.first] = Block(bytes_message(rows), len(rows), len(part), end_line, part[0].stamp, newest)
            self._bytes += len(rows)

    def _append(self, block: Block) -> None:
        self._blocks[self.end] = block
        self.end += 1
        self._bytes += block.size
        while self._bytes > RING_BYTES and self.first < self.end - 1:
            self._bytes -= self._blocks.pop(self.first).size
            self.first += 1

    def number_within(self, size: int) -> int:
        """The lowest number from which what follows fits into `size` bytes; the newest block's if none does."""
        number = self.end - 1
        total = self._blocks[number].size
        while number > self.first and (total := total + self._blocks[number - 1].size) <= size:
            number -= 1
        return number

    def tail(self, count: int) -> tuple[Message | None, int]:
        """The last `count` lines: a part of a block, if one must be parted, and the number to go on from."""
        number, missing = self.end, count
        while number > self.first and missing > 0:
            number -= 1
            missing -= self._blocks[number].lines
        if missing >= 0:
            return None, number
        return self._part(decode(self._blocks[number].message["bytes"])[-missing:]), number + 1

    def after(self, cursor: Cursor) -> tuple[Message | None, int]:
        """What follows the cursor, as `tail` returns it."""
        for number in range(self.first, self.end):
            block = self._blocks[number]
            if block.lines and block.newest >= cursor.newest:
                # Whatever the log holds before the cursor's newest line was seen, whatever follows it was not.
                fresh = Sieve(cursor).admit(decode(block.message["bytes"]))
                return self._part(fresh), number + 1
        return None, self.end

    def covers(self, cursor: Cursor) -> bool:
        """Whether nothing is missing between the cursor and what is kept."""
        return b"" < self.oldest <= cursor.newest

    def _part(self, lines: Sequence[Line]) -> Message | None:
        return bytes_message(encode(self._source, lines)) if lines else None

    def _blocks_in_order(self) -> Iterable[Block]:
        return (self._blocks[number] for number in range(self.first, self.end))
