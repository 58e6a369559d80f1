"""The doorbell's socket: the page says which topics it shows, and hears when one of them changed. Never what."""

import re
from typing import Any, ClassVar, Final

from channels.db import database_sync_to_async

from apps.containers.queries import topic_is_visible
from apps.core.errors import NotFound
from apps.streams.doorbells import doorbells
from apps.streams.sockets import Receive, Scope, Send, Socket
from apps.tenants.permissions import Permission

MAX_TOPICS: Final = 200
_TOPIC: Final = re.compile(r"[a-z][a-z-]{0,30}(:[0-9]{1,18})?")


class LiveSocket(Socket):
    """Of a tenant's pages."""

    permission: ClassVar[Permission] = Permission.ENTER

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._topics: set[str] = set()

    def admit(self) -> None:
        self.enter().require(self.permission)

    def visible(self, topics: list[str]) -> list[str]:
        found = self.enter()
        return [topic for topic in topics if topic_is_visible(found, topic)]

    async def begin(self) -> None:
        if doorbells.is_paused:
            self.on_pause(is_paused=True)

    async def heard(self, content: dict[str, Any]) -> None:
        """`{"topics": […]}`: everything that the page shows now; answered with what it will hear of."""
        asked = content.get("topics")
        if not isinstance(asked, list):
            return
        asked = [topic for topic in asked if isinstance(topic, str) and _TOPIC.fullmatch(topic)][:MAX_TOPICS]
        topics = set(await database_sync_to_async(self.visible)(sorted(set(asked))))
        for topic in self._topics - topics:
            await doorbells.ignore(topic, self)
        for topic in topics - self._topics:
            await doorbells.listen(topic, self)
        self._topics = topics
        self.outlet.tell({"topics": sorted(topics)})

    async def end(self) -> None:
        for topic in self._topics:
            await doorbells.ignore(topic, self)

    def on_ring(self, topic: str) -> None:
        self.outlet.tell({"changed": topic})

    def on_pause(self, *, is_paused: bool) -> None:
        self.outlet.tell({"paused": is_paused})


class ConsoleLiveSocket(LiveSocket):
    """Of the operator's pages: hears every topic."""

    def admit(self) -> None:
        if not self.user.is_operator:
            raise NotFound("There is nothing here, or it is not yours to see.")

    def visible(self, topics: list[str]) -> list[str]:
        return topics
