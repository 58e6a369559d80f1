"""The door of every socket: who it is for, how long it may stay open, and what may come in."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, ClassVar, Final

from channels.db import database_sync_to_async
from django.contrib.sessions.backends.base import SessionBase

from apps.accounts.models import User
from apps.accounts.second_factor import lacks_demanded_factor
from apps.core.errors import PanelError
from apps.streams.outlet import Outlet
from apps.streams.recheck import recheck
from apps.streams.ring import Message
from apps.tenants.access import Access, Claim
from apps.tenants.impersonation import enter_from
from apps.tenants.permissions import Permission

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = dict[str, Any]

#: Close codes that the browser understands: 4000 + the HTTP status that a page would have answered with.
REFUSED: Final = 4000
UNREADABLE: Final = 1003
TOO_TALKATIVE: Final = 1008
TOO_LONG: Final = 1009

MAX_MESSAGE_BYTES: Final = 64 * 1024
#: A socket may say this much at once, and then this often.
BURST: Final = 20
MESSAGES_PER_S: Final = 5.0
_CLOSE_S: Final = 2.0


class Socket(ABC):
    """One WebSocket as an ASGI application.

    Not a Channels consumer: those subscribe to the channel layer once per socket and await every frame in turn, and
    these must send the same bytes to a thousand viewers and stay open without Redis.
    """

    permission: ClassVar[Permission]

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.user: User = scope["user"]
        self.slug: str = scope["url_route"]["kwargs"].get("tenant", "")
        self._session: SessionBase = scope["session"]
        self._impersonation_id: int | None = None
        self._receive = receive
        self._send = send
        self._task = asyncio.current_task()
        self._close_code: int | None = None
        self._credit = float(BURST)
        self._credit_at = asyncio.get_running_loop().time()
        self.outlet = Outlet(send)

    @classmethod
    async def application(cls, scope: Scope, receive: Receive, send: Send) -> None:
        await cls(scope, receive, send).run()

    @abstractmethod
    def admit(self) -> None:
        """Prove the right, with the ORM; raises PanelError where there is none."""

    @abstractmethod
    async def begin(self) -> None:
        """The socket is open."""

    @abstractmethod
    async def heard(self, content: dict[str, Any]) -> None:
        """The browser said something."""

    @abstractmethod
    async def end(self) -> None:
        """The socket is closed: let go of everything."""

    @property
    def claim(self) -> Claim:
        session_key = self._session.session_key or ""
        return Claim(session_key, self.user.pk, self.slug, self.permission, impersonation_id=self._impersonation_id)

    def enter(self) -> Access:
        """For `admit`: what may be done in the tenant, by the door that its pages have too."""
        access, impersonation = enter_from(self._session, self.user, self.slug)
        self._impersonation_id = impersonation.pk if impersonation else None
        return access

    def revoke(self) -> None:
        self.close(REFUSED + HTTPStatus.FORBIDDEN)

    def close(self, code: int) -> None:
        """Close from outside of the socket's own task."""
        if self._close_code is None and self._task is not None:
            self._close_code = code
            self._task.cancel()

    async def run(self) -> None:
        await self._receive()  # websocket.connect
        refusal = await self._refusal()
        if refusal is not None:
            # Accepted only to be closed: before that, a browser is not told the code.
            await self._send({"type": "websocket.accept"})
            await self._send({"type": "websocket.close", "code": refusal})
            return
        code: int | None = None
        try:
            await self._send({"type": "websocket.accept"})
            await self.begin()
            code = await self._listen()
        except asyncio.CancelledError:
            if self._close_code is None:
                raise
            code = self._close_code
        finally:
            recheck.remove(self)
            await self.outlet.close()
            await self.end()
        if code is not None:
            # A browser that does not read is not waited for.
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._send({"type": "websocket.close", "code": code})

    async def _refusal(self) -> int | None:
        if not self.user.is_authenticated:
            return REFUSED + HTTPStatus.UNAUTHORIZED
        if await database_sync_to_async(lacks_demanded_factor)(self.user):
            return REFUSED + HTTPStatus.FORBIDDEN
        try:
            await database_sync_to_async(self.admit)()
            recheck.add(self, self.claim)
        except PanelError as error:
            return REFUSED + error.status
        return None

    async def _listen(self) -> int | None:
        """Until the browser leaves, or with the code to close with."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return None
            content = _content(message.get("text"))
            if isinstance(content, int):
                return content
            if not self._may_speak():
                return TOO_TALKATIVE
            if not await recheck.holds(self.claim):
                return REFUSED + HTTPStatus.FORBIDDEN
            await self.heard(content)

    def _may_speak(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._credit = min(BURST, self._credit + (now - self._credit_at) * MESSAGES_PER_S) - 1
        self._credit_at = now
        return self._credit >= 0


def _content(text: str | None) -> dict[str, Any] | int:
    """What a message says, or the code to close with."""
    if text is None:
        return UNREADABLE
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        return TOO_LONG
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return UNREADABLE
    return content if isinstance(content, dict) else UNREADABLE
