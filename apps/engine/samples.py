"""A sample of each of many containers, all asked for at once.

Docker 20.10 answers at its next tick, up to a second later, however few are asked for: what a sample costs is waiting,
which a thread does for many connections as for one.
"""

import asyncio
from collections.abc import Collection
from typing import Final

from apps.engine import stream
from apps.engine.errors import EngineError, ObjectNotFound
from apps.engine.readings import container_sample
from apps.engine.types import ContainerSample

#: Requests that an engine has to answer at one tick, beside those of everybody else.
MAX_AT_ONCE: Final = 64


def sample_containers(url: str, container_ids: Collection[str]) -> dict[str, ContainerSample]:
    """Samples by container id; those that do not run, or of which the engine does not tell, are left out.

    Raises an EngineError if it tells of none. Call it where no event loop runs.
    """
    return asyncio.run(_sample_all(url, container_ids))


async def _sample_all(url: str, container_ids: Collection[str]) -> dict[str, ContainerSample]:
    slots = asyncio.Semaphore(MAX_AT_ONCE)
    found = await asyncio.gather(*(_sample(url, container_id, slots) for container_id in container_ids))
    samples = {
        key: sample for key, sample in zip(container_ids, found, strict=True) if isinstance(sample, ContainerSample)
    }
    if not samples and (error := next((error for error in found if isinstance(error, EngineError)), None)):
        raise error
    return samples


async def _sample(url: str, container_id: str, slots: asyncio.Semaphore) -> ContainerSample | EngineError | None:
    async with slots:
        try:
            statistics = await stream.sample(url, container_id)
            # After them, so that the start it tells of is that of these counters or a later one, never an earlier.
            facts = await stream.inspect(url, container_id)
        except ObjectNotFound:
            return None
        except EngineError as error:  # of one that is removed meanwhile, the engine just ends its answer
            return error
    return container_sample(statistics, facts.started_at)
