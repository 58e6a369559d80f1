"""What the sockets of one application share: its containers, found again whenever something about it changed."""

import asyncio
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Final

from channels.db import database_sync_to_async

from apps.containers.queries import LogSources, log_sources
from apps.core.errors import NotFound
from apps.streams.doorbells import doorbells
from apps.streams.sockets import REFUSED, Receive, Scope, Send, Socket
from apps.tenants.access import NO_APPLICATION, Access, Claim
from apps.tenants.models import Tenant

#: Rings that come together are answered once.
_GATHER_S: Final = 0.2
_finding: dict[tuple[int, str], asyncio.Task[LogSources]] = {}


async def find_sources(tenant: Tenant, slug: str) -> LogSources:
    """The application's containers; one query for all who ask at the same time. Raises NotFound."""
    key = (tenant.pk, slug)
    task = _finding.get(key)
    if task is None or task.get_loop() is not asyncio.get_running_loop():
        task = asyncio.get_running_loop().create_task(database_sync_to_async(log_sources)(tenant, slug))
        _finding[key] = task
        task.add_done_callback(lambda _: _finding.pop(key, None))
    return await asyncio.shield(task)


class ApplicationSocket(Socket):
    sources: LogSources

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._application_slug: str = scope["url_route"]["kwargs"]["application"]
        self._is_finding: asyncio.Task[None] | None = None

    def admit(self) -> None:
        self._access: Access = self.enter()
        try:
            self.sources = log_sources(self._access.tenant, self._application_slug)
        except NotFound:
            self._access.require(self.permission, NO_APPLICATION)
            raise
        self._access.require(self.permission, self.sources.application_id)

    @property
    def claim(self) -> Claim:
        return replace(super().claim, application_id=self.sources.application_id)

    @abstractmethod
    def sources_changed(self) -> None:
        """`sources` may be others than before."""

    @property
    def _topic(self) -> str:
        return f"application:{self.sources.application_id}"

    async def begin(self) -> None:
        await doorbells.listen(self._topic, self)
        self.sources_changed()

    async def heard(self, content: dict[str, Any]) -> None:
        """Nothing that these sockets are told changes anything."""

    async def end(self) -> None:
        if self._is_finding is not None:
            self._is_finding.cancel()
        await doorbells.ignore(self._topic, self)

    def on_ring(self, topic: str) -> None:  # noqa: ARG002  there is only one
        if self._is_finding is None or self._is_finding.done():
            self._is_finding = asyncio.get_running_loop().create_task(self._find_again())

    def on_pause(self, *, is_paused: bool) -> None:
        """The page's own live socket says so."""

    async def _find_again(self) -> None:
        await asyncio.sleep(_GATHER_S)
        try:
            self.sources = await find_sources(self._access.tenant, self._application_slug)
        except NotFound as error:
            self.close(REFUSED + error.status)
        else:
            self.sources_changed()
