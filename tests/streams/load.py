"""Many viewers of one log in one lean process: raw WebSockets that check every line and time a sample of them.

python -m tests.streams.load PORT PATH VIEWERS TOTAL < session keys, one a row
prints `ready` when all are connected and, when each has line TOTAL - 1 or nothing came for a while, its findings.
"""

import asyncio
import base64
import json
import os
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import uvloop

#: Without anything new for this long, nothing comes any more.
SILENCE_S = 10.0
CONNECTING_AT_ONCE = 50


class Batch(NamedTuple):
    """What a binary message holds: the same bytes come to every viewer, and are looked at once."""

    first: int
    last: int
    lines: int
    misses: int
    written_ns: list[int]


@dataclass
class Findings:
    gaps: int = 0
    lines: int = 0
    frames: int = 0
    remarks: Counter[str] = field(default_factory=Counter)
    latency_ms: Counter[int] = field(default_factory=Counter)
    finished_at: float = 0.0


class Load:
    def __init__(self, total: int) -> None:
        self.total = total
        self.findings = Findings()
        self.unfinished = 0
        self.heard_at = time.monotonic()
        self._batches: dict[bytes, Batch] = {}

    def batch(self, payload: bytes) -> Batch:
        batch = self._batches.get(payload)
        if batch is None:
            if len(self._batches) > 200:
                self._batches.clear()
            batch = self._batches[payload] = _parse(payload)
        return batch


def _parse(payload: bytes) -> Batch:
    rows = [row for row in payload.split(b"\n") if row[:1] in (b"o", b"e")]
    numbers = [int(row[10:18]) for row in rows]
    misses = sum(other != one + 1 for one, other in pairwise(numbers))
    return Batch(numbers[0], numbers[-1], len(rows), misses, [int(row[19:]) for row in rows])


class Viewer(asyncio.Protocol):
    def __init__(self, load: Load, request: bytes) -> None:
        self._load = load
        self._request = request
        self._rest = b""
        self._is_open = False
        self._next = 0
        self._is_finished = False
        self._turn = 0
        self.connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        buffer = self._rest + data if self._rest else data
        start = 0
        if not self._is_open:
            head, separator, _ = buffer.partition(b"\r\n\r\n")
            if not separator:
                self._rest = buffer
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.connected.set_exception(ConnectionError(head.decode()))
                return
            self._is_open = True
            self._transport.write(_masked(b'{"from":{}}'))
            start = len(head) + 4
        end = len(buffer)
        while end - start >= 2:
            length, body = buffer[start + 1], start + 2
            if length == 126:
                if end < start + 4:
                    break
                length, body = struct.unpack_from(">H", buffer, start + 2)[0], start + 4
            elif length == 127:
                if end < start + 10:
                    break
                length, body = struct.unpack_from(">Q", buffer, start + 2)[0], start + 10
            if body + length > end:
                break
            self._frame(buffer[start] & 0x0F, buffer[body : body + length])
            start = body + length
        self._rest = buffer[start:]

    def _frame(self, opcode: int, payload: bytes) -> None:
        load, findings = self._load, self._load.findings
        if opcode == 2:
            batch = load.batch(payload)
            findings.frames += 1
            findings.lines += batch.lines
            findings.gaps += batch.misses
            if batch.first != self._next:
                findings.gaps += 1
            self._next = batch.last + 1
            self._turn += 1
            written = batch.written_ns[self._turn % batch.lines]
            findings.latency_ms[(time.time_ns() - written) // 1_000_000] += 1
            load.heard_at = time.monotonic()
            if self._next == load.total and not self._is_finished:
                self._is_finished = True
                load.unfinished -= 1
                findings.finished_at = time.time()
        elif opcode == 1:
            content = json.loads(payload)
            if "live" in content and not self.connected.done():
                self.connected.set_result(None)
            findings.remarks.update(content.keys() & {"gap", "dropped", "error", "ended"})
        elif opcode == 8:
            findings.remarks[f"closed {struct.unpack('>H', payload[:2])[0] if payload else ''}"] += 1
        elif opcode == 9:
            self._transport.write(_masked(payload, opcode=10))


def _masked(payload: bytes, opcode: int = 1) -> bytes:
    # A mask of zeros leaves the payload as it is.
    return bytes((0x80 | opcode, 0x80 | len(payload))) + bytes(4) + payload


def _request(port: int, path: str, session: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"
        f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Cookie: __Host-session={session}\r\n\r\n"
    ).encode()


async def _run(port: int, path: str, viewers: int, total: int, sessions: list[str]) -> Findings:
    load = Load(total)
    load.unfinished = viewers
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect(index: int) -> None:
        async with gate:
            request = _request(port, path, sessions[index % len(sessions)])
            _, viewer = await loop.create_connection(lambda: Viewer(load, request), "127.0.0.1", port)
            await viewer.connected

    await asyncio.gather(*(connect(index) for index in range(viewers)))
    load.heard_at = time.monotonic()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while load.unfinished and time.monotonic() - load.heard_at < SILENCE_S:
        await asyncio.sleep(0.05)
    load.findings.gaps += load.unfinished
    return load.findings


if __name__ == "__main__":
    found = uvloop.run(
        _run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.stdin.read().split())
    )
    sys.stdout.write(json.dumps(vars(found)) + "\n")
