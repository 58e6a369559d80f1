"""The readers of this process: one of a kind for each container that somebody looks at."""

import asyncio
from collections.abc import Callable
from typing import Final, Generic, Protocol, Self, TypeVar

#: A reader stays for this long after its last viewer, who may be reloading the page.
LINGER_S: Final = 5.0


class Reader(Protocol):
    url: str
    container_id: str

    @property
    def is_idle(self) -> bool: ...

    def start(self) -> None: ...

    async def stop(self) -> None: ...


R = TypeVar("R", bound=Reader)
#: Makes a reader from the engine's address, the container's id and what to call when its last viewer has left.
Make = Callable[[str, str, Callable[[R], None]], R]


class Hub(Generic[R]):
    def __init__(self, make: Make[R], linger_s: float = LINGER_S) -> None:
        self._make = make
        self._linger_s = linger_s
        self._readers: dict[tuple[str, str], R] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._readers)

    def reader(self, url: str, container_id: str) -> R:
        """The reader of this container, begun if there is none. Join it at once: it ends when nobody does."""
        reader = self._readers.get((url, container_id))
        if reader is None:
            reader = self._readers[url, container_id] = self._make(url, container_id, self._on_idle)
            reader.start()
        return reader

    def _on_idle(self, reader: R) -> None:
        asyncio.get_running_loop().call_later(self._linger_s, self._stop_if_idle, reader)

    def _stop_if_idle(self, reader: R) -> None:
        key = (reader.url, reader.container_id)
        if reader.is_idle and self._readers.get(key) is reader:
            del self._readers[key]
            task = asyncio.get_running_loop().create_task(reader.stop())
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def close(self) -> None:
        readers, self._readers = list(self._readers.values()), {}
        await asyncio.gather(*(reader.stop() for reader in readers), *self._stopping)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
