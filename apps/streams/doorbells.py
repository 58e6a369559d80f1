"""Hearing the doorbell: one channel of the layer for the whole process, shared by all its sockets."""

import asyncio
import logging
from typing import Any, Final, Protocol

from channels.layers import get_channel_layer

from apps.core.doorbell import group_name

logger = logging.getLogger(__name__)

#: Every so often the process rings for itself; if it does not hear that, the layer is down.
HEARTBEAT_S: Final = 5.0
_ANSWER_S: Final = 2.0
_RETRY_S: Final = 1.0


class Listener(Protocol):
    def on_ring(self, topic: str) -> None: ...

    def on_pause(self, *, is_paused: bool) -> None:
        """Rings are not heard any more, or again. After a pause every topic rings once."""


class Doorbells:
    """Listening never fails: while Redis is away nothing rings, and the listeners are told."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Listener, None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._channel = ""
        self.is_paused = False

    async def listen(self, topic: str, listener: Listener) -> None:
        """Rings are heard from when this returns."""
        listeners = self._listeners.setdefault(topic, {})
        is_first = not listeners
        listeners[listener] = None
        if self._task is None or self._task.done():
            self._channel = ""
            self._task = asyncio.get_running_loop().create_task(self._hear_forever())
        if is_first:
            await self._with_layer("group_add", topic)

    async def ignore(self, topic: str, listener: Listener) -> None:
        listeners = self._listeners.get(topic, {})
        listeners.pop(listener, None)
        if not listeners and self._listeners.pop(topic, None) is not None:
            await self._with_layer("group_discard", topic)

    async def _with_layer(self, method: str, topic: str) -> None:
        if not self._channel:
            return  # subscribed to all topics when the channel is there
        try:
            async with asyncio.timeout(_ANSWER_S):
                await getattr(get_channel_layer(), method)(group_name(topic), self._channel)
        except Exception as error:  # the heartbeat notices, and subscribes anew
            logger.warning("live updates pause: %s", error)

    async def _hear_forever(self) -> None:
        while True:
            layer: Any = get_channel_layer()
            try:
                await self._connect(layer)
                self._set_paused(is_paused=False)
                await self._hear(layer)
            except Exception as error:  # whatever Redis does, pages stay open
                if not self.is_paused:
                    logger.warning("live updates pause: %s", error or type(error).__name__)
                self._channel = ""
                self._set_paused(is_paused=True)
            await asyncio.sleep(_RETRY_S)

    async def _connect(self, layer: Any) -> None:
        async with asyncio.timeout(_ANSWER_S):
            # The layer keeps broken connections and what was subscribed through them; begin with none.
            await layer.flush()
            channel = await layer.new_channel()
            for topic in tuple(self._listeners):
                await layer.group_add(group_name(topic), channel)
        self._channel = channel
        # Topics that were first listened to in the meantime.
        for topic in tuple(self._listeners):
            await layer.group_add(group_name(topic), channel)

    async def _hear(self, layer: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            beats = asyncio.Event()
            tasks.create_task(self._beat(layer, beats))
            while True:
                message = await layer.receive(self._channel)
                if message["type"] == "heartbeat":
                    beats.set()
                else:
                    self._ring(message["topic"])

    async def _beat(self, layer: Any, beats: asyncio.Event) -> None:
        while True:
            beats.clear()
            async with asyncio.timeout(_ANSWER_S):
                await layer.send(self._channel, {"type": "heartbeat"})
                await beats.wait()
            await asyncio.sleep(HEARTBEAT_S)

    def _ring(self, topic: str) -> None:
        for listener in tuple(self._listeners.get(topic, ())):
            listener.on_ring(topic)

    def _set_paused(self, *, is_paused: bool) -> None:
        if is_paused == self.is_paused:
            return
        self.is_paused = is_paused
        for listener in {listener: None for listeners in self._listeners.values() for listener in listeners}:
            listener.on_pause(is_paused=is_paused)
        if not is_paused:
            for topic in tuple(self._listeners):
                self._ring(topic)


doorbells: Final = Doorbells()
