"""A viewer of logs without a browser: keeps what an outlet sends."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from apps.streams.lines import STDERR, STDOUT, Cursor, Line, Seen, decode
from apps.streams.outlet import Outlet


class Viewer:
    """`lines` and `remarks` grow while it looks; while `reads` is cleared it takes nothing, like a stuck browser."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.remarks: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.outlet = Outlet(self._send)

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        if "bytes" in message:
            self.lines += decode(message["bytes"])
        else:
            self.remarks.append(json.loads(message["text"]))

    @property
    def texts(self) -> list[str]:
        return [line.text.decode() for line in self.lines]

    @property
    def cursor(self) -> Cursor:
        """What a browser would say that it has seen."""
        floor = Seen(self.lines[0].stamp, 0)
        seen = {STDOUT: floor, STDERR: floor}
        for line in self.lines:
            before = seen[line.stream]
            seen[line.stream] = Seen(line.stamp, before.times + 1 if before.stamp == line.stamp else 1)
        return Cursor.of_streams(seen)

    def remarked(self, kind: str) -> list[Any]:
        return [remark[kind] for remark in self.remarks if kind in remark]


async def until(holds: Callable[[], object], within_s: float = 20) -> None:
    """Wait until something holds; TimeoutError if it does not come to."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.02)


class Relay:
    """A way to the engine that can be cut, closed and clogged."""

    def __init__(self, path: str, engine: str = "/var/run/docker.sock") -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._engine = engine
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.flows = asyncio.Event()
        self.flows.set()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._relay, self._path)

    async def close(self) -> None:
        """No new connections; those that are open break."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def __aenter__(self) -> "Relay":
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        engine_reader, engine_writer = await asyncio.open_unix_connection(self._engine)
        try:
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(self._copy(reader, engine_writer))
                await self._copy(engine_reader, writer)
                asking.cancel()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self.connections -= 1
            engine_writer.transport.abort()
            writer.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self.flows.wait()
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
