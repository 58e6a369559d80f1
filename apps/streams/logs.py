"""The socket of an application's log: all its containers in one stream.

The browser speaks first: `{"from": {"<container>": {"o": [stamp, count], "e": [stamp, count]}}}`, what it has seen
already. It is answered with text messages (JSON) about the stream and binary ones (see `lines.encode`) of lines.
"""

import asyncio
import logging
import re
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final

from apps.containers.queries import LogSource
from apps.streams.applications import ApplicationSocket
from apps.streams.hub import Hub
from apps.streams.lines import STAMP_BYTES, Cursor, Seen
from apps.streams.sockets import Receive, Scope, Send
from apps.streams.source import Source
from apps.streams.subscription import Subscription
from apps.tenants.permissions import Permission

#: For this long the browser waits for the containers' past before it shows what there is.
PAST_S: Final = 3.0
#: A removed container's last lines may still be on their way.
_LEAVE_S: Final = 10.0
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}", re.ASCII)

logger = logging.getLogger(__name__)

hub: Final = Hub(Source)


class LogsSocket(ApplicationSocket):
    permission: ClassVar[Permission] = Permission.LOGS

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._joining: dict[str, asyncio.Task[None]] = {}
        self._joined: dict[str, tuple[Source, Subscription]] = {}
        self._showing: asyncio.Task[None] | None = None

    async def heard(self, content: dict[str, Any]) -> None:
        seen = content.get("from")
        if self._showing is None and isinstance(seen, dict):
            for container in self.sources.containers:
                self._join(container, _cursor(seen.get(container.container_id[:12])))
            self._showing = asyncio.get_running_loop().create_task(self._show())

    async def end(self) -> None:
        await super().end()
        for task in (*self._joining.values(), *filter(None, [self._showing])):
            task.cancel()
        for source, subscription in self._joined.values():
            source.leave(subscription)
        self._joined.clear()

    def sources_changed(self) -> None:
        containers = {container.container_id: container for container in self.sources.containers}
        self.outlet.tell(
            {
                "sources": [
                    {"id": container.container_id[:12], "label": container.label, "release": container.release}
                    for container in containers.values()
                ]
            }
        )
        if self._showing is None:
            return
        for container in containers.values():
            self._join(container, None)
        for source, _ in self._joined.values():
            source.look_again()
        for gone in self._joining.keys() - containers.keys():
            self._joining[gone].cancel()
        for gone in self._joined.keys() - containers.keys():
            asyncio.get_running_loop().call_later(_LEAVE_S, self._leave, gone)

    async def _show(self) -> None:
        """Say when the past is complete: the browser sorts it by time until then."""
        if self._joining:
            await asyncio.wait(self._joining.values(), timeout=PAST_S)
        self.outlet.tell({"live": True})

    def _join(self, container: LogSource, cursor: Cursor | None) -> None:
        key = container.container_id
        if key not in self._joined and key not in self._joining:
            task = asyncio.get_running_loop().create_task(self._join_source(container, cursor))
            self._joining[key] = task
            task.add_done_callback(partial(self._has_joined, key))

    async def _join_source(self, container: LogSource, cursor: Cursor | None) -> None:
        source = hub.reader(container.node_url, container.container_id)
        self._joined[container.container_id] = (source, await source.join(self.outlet, cursor))

    def _has_joined(self, key: str, task: asyncio.Task[None]) -> None:
        self._joining.pop(key, None)
        if not task.cancelled() and (error := task.exception()):
            logger.error("joining the log of %s", key[:12], exc_info=error)

    def _leave(self, container_id: str) -> None:
        if all(container.container_id != container_id for container in self.sources.containers):
            source, subscription = self._joined.pop(container_id, (None, None))
            if source is not None and subscription is not None:
                source.leave(subscription)


def _cursor(seen: object) -> Cursor | None:
    """What a browser says that it has seen; None for anything else than two well-formed places."""
    if not isinstance(seen, dict):
        return None
    out, err = _seen(seen.get("o")), _seen(seen.get("e"))
    return Cursor(out, err) if out is not None and err is not None else None


def _seen(place: object) -> Seen | None:
    match place:
        case [str(stamp), int(count)] if len(stamp) == STAMP_BYTES and _is_time(stamp) and count >= 0:
            return Seen(stamp.encode(), count)
    return None


def _is_time(stamp: str) -> bool:
    if not _STAMP.fullmatch(stamp):
        return False
    try:
        datetime.fromisoformat(stamp[:19])
    except ValueError:  # the 31st of a month that has none
        return False
    return True
