"""Answers of an engine that one waits for (logs, statistics), asynchronously: plain asyncio, one connection each.

Requests are HTTP/1.0 on purpose: the engine then sends the body as it is and ends it by closing. Under 1.1 it wraps
every single log line in a chunk of its own, which doubles what there is to parse.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from apps.engine.errors import EngineError, EngineTimeout, EngineUnreachable, ObjectNotFound

API_VERSION: Final = "v1.41"
ANSWER_TIMEOUT_S: Final = 10.0
READ_BYTES: Final = 128 * 1024
#: An answer's head, and the whole body where it is not endless.
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 4 * 1024 * 1024


class ByteStream:
    """The body of one answer."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def read(self) -> bytes:
        """The next bytes, at most `READ_BYTES`; empty at the end. Raises EngineUnreachable if the connection breaks."""
        try:
            return await self._reader.read(READ_BYTES)
        except OSError as error:
            raise EngineUnreachable(f"The connection to the engine broke: {error}") from error


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """What a reader of a container's streams must know about it."""

    is_running: bool
    started_at: str
    exit_code: int
    is_oom_killed: bool
    has_tty: bool
    #: Size at which the engine begins a new log file, None if it never does.
    log_file_bytes: int | None
    cpu_limit_cores: float | None
    memory_limit_bytes: int | None


async def inspect(url: str, container_id: str) -> ContainerFacts:
    """Raises ObjectNotFound, EngineUnreachable, EngineTimeout or EngineError, as all functions here do."""
    facts = await _get_json(url, f"/containers/{quote(container_id, safe='')}/json", {})
    state, host = facts["State"], facts["HostConfig"]
    return ContainerFacts(
        is_running=state["Running"],
        started_at=state["StartedAt"],
        exit_code=state["ExitCode"],
        is_oom_killed=state["OOMKilled"],
        has_tty=facts["Config"]["Tty"],
        log_file_bytes=_size(host["LogConfig"]["Config"].get("max-size", "")),
        cpu_limit_cores=host["NanoCpus"] / 1e9 or None,
        memory_limit_bytes=host["Memory"] or None,
    )


@asynccontextmanager
async def logs(
    url: str, container_id: str, *, follow: bool, tail: int | None = None, since: str = "", until: str = ""
) -> AsyncIterator[ByteStream]:
    """A container's lines with their timestamps, as the engine frames them: the last `tail`, or all from `since`.

    `since` and `until` are seconds with up to nine decimals, both inclusive.
    """
    query = {
        "follow": int(follow),
        "stdout": 1,
        "stderr": 1,
        "timestamps": 1,
        "tail": "all" if tail is None else tail,
        "since": since,
        "until": until,
    }
    async with _get(url, f"/containers/{quote(container_id, safe='')}/logs", query) as stream:
        yield stream


@asynccontextmanager
async def stats(url: str, container_id: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The engine's own samples of a container, one about every second, until it stops."""
    async with _get(url, f"/containers/{quote(container_id, safe='')}/stats", {"stream": 1}) as stream:
        yield _json_lines(stream)


async def sample(url: str, container_id: str) -> dict[str, Any]:
    """One of those samples, without one before it to compare with; nearly empty if the container does not run."""
    return await _get_json(url, f"/containers/{quote(container_id, safe='')}/stats", {"stream": 0, "one-shot": 1})


async def _get_json(url: str, path: str, query: Mapping[str, str | int]) -> dict[str, Any]:
    async with _get(url, path, query) as stream, _deadline():
        body = bytearray()
        while data := await stream.read():
            body += data
            if len(body) > MAX_BODY_BYTES:
                raise EngineError("The engine's answer is too long.")
    try:
        answer: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise EngineUnreachable("The engine's answer was cut short.") from error
    return answer


async def _json_lines(stream: ByteStream) -> AsyncIterator[dict[str, Any]]:
    rest = b""
    while data := await stream.read():
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > MAX_BODY_BYTES:
            raise EngineError("The engine's sample is too long.")
        for line in lines:
            yield json.loads(line)


@asynccontextmanager
async def _get(url: str, path: str, query: Mapping[str, str | int]) -> AsyncIterator[ByteStream]:
    async with _deadline():
        reader, writer = await _connect(url)
    try:
        async with _deadline():
            await _ask(reader, writer, f"/{API_VERSION}{path}?{urlencode(query)}")
        yield ByteStream(reader)
    finally:
        # Not `close()`: nothing is left to say, and a cancelled reader must not wait for the engine.
        writer.transport.abort()


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            yield
    except TimeoutError as error:
        raise EngineTimeout(f"The engine did not answer within {ANSWER_TIMEOUT_S:.0f} seconds.") from error


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix":
            return await asyncio.open_unix_connection(parts.path, limit=2 * READ_BYTES)
        if parts.scheme == "tcp" and parts.hostname:
            return await asyncio.open_connection(parts.hostname, parts.port or 2375, limit=2 * READ_BYTES)
    except OSError as error:
        raise EngineUnreachable(f"The engine cannot be reached: {error.strerror or error}.") from error
    raise EngineUnreachable(f"{url!r} is no address of an engine.")


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str) -> None:
    try:
        writer.write(f"GET {target} HTTP/1.0\r\nHost: engine\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status == HTTPStatus.OK:
            return
        body = await reader.read(MAX_HEAD_BYTES)
    except (OSError, EOFError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
        raise EngineUnreachable("The engine closed the connection before it answered.") from error
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"The engine answered with status {status}."
    raise (ObjectNotFound if status == HTTPStatus.NOT_FOUND else EngineError)(message)


def _size(text: str) -> int | None:
    """`10m` as the engine reads it; None where nothing is set."""
    units = {"k": 1024, "m": 1024**2, "g": 1024**3}
    text = text.strip().lower().removesuffix("b")
    if not text or text == "-1":
        return None
    number, unit = (text[:-1], units[text[-1]]) if text[-1] in units else (text, 1)
    return int(float(number) * unit)
