"""The way out to one socket: messages in order, never more than one being sent, nobody else waiting for it."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Protocol

from apps.streams.ring import Message

Send = Callable[[Message], Awaitable[None]]


class Supply(Protocol):
    """Where an outlet fetches what comes next, when it can send it."""

    def take(self) -> Message | None: ...


def text_message(content: object) -> Message:
    return {"type": "websocket.send", "text": json.dumps(content, separators=(",", ":"))}


class Outlet:
    """Sends at once what the socket takes at once, and the rest in a task of its own as the socket drains.

    `send` is the ASGI server's; a task per message and viewer would cost more than the sending itself.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[Message] = deque()
        self._supplies: deque[Supply] = deque()
        self._is_sending = False
        self._rest: asyncio.Task[None] | None = None
        self.is_open = True

    def add(self, supply: Supply) -> None:
        self._supplies.append(supply)
        self.notify()

    def remove(self, supply: Supply) -> None:
        if supply in self._supplies:
            self._supplies.remove(supply)

    def tell(self, content: object) -> None:
        """Send a JSON message, before whatever the supplies hold; what waits already is not said twice."""
        message = text_message(content)
        if message not in self._waiting:
            self._waiting.append(message)
            self.notify()

    def notify(self) -> None:
        """There is something to take."""
        if self._is_sending or not self.is_open:
            return
        self._is_sending = True
        sending = self._send_all()
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        self._rest = asyncio.get_running_loop().create_task(_go_on(sending, waits_for))

    async def close(self) -> None:
        """Send nothing more."""
        self.is_open = False
        self._supplies.clear()
        self._waiting.clear()
        if self._rest is not None:
            self._rest.cancel()
            await asyncio.wait([self._rest])

    def _next(self) -> Message | None:
        if not self.is_open:
            return None
        if self._waiting:
            return self._waiting.popleft()
        for _ in range(len(self._supplies)):
            message = self._supplies[0].take()
            self._supplies.rotate(-1)  # in turn: a container that floods does not silence the others
            if message is not None:
                return message
        return None

    async def _send_all(self) -> None:
        try:
            while (message := self._next()) is not None:
                await self._send(message)
        except OSError:  # how ASGI servers say that the other side has gone
            self.is_open = False
        finally:
            self._is_sending = False


@coroutine
def _go_on(started: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Run the rest of a coroutine that was stepped to its first wait (what eager tasks do from Python 3.12 on)."""
    step: Callable[[Any], Any]
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:  # also cancellation: it is the coroutine's
            step, value = started.throw, error
        else:
            step, value = started.send, sent
        try:
            waits_for = step(value)
        except StopIteration:
            return
