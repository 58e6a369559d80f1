"""Open sockets rest on a right that may end (membership, role, suspension, sign-out): all are asked again, together."""

import asyncio
import logging
from collections import Counter
from typing import Final, Protocol

from channels.db import database_sync_to_async

from apps.core.errors import TooManyAttempts
from apps.tenants.access import Claim, still_allowed

logger = logging.getLogger(__name__)

RECHECK_S: Final = 3.0
MAX_SOCKETS_PER_USER: Final = 50
MAX_SOCKETS_PER_TENANT: Final = 2_000


class Holder(Protocol):
    def revoke(self) -> None:
        """The right has ended: close."""


class Recheck:
    def __init__(self) -> None:
        self._claims: dict[Holder, Claim] = {}
        self._users: Counter[int] = Counter()
        self._tenants: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    def add(self, holder: Holder, claim: Claim) -> None:
        """Raises TooManyAttempts when the user or the tenant has too many sockets open."""
        if self._users[claim.user_id] >= MAX_SOCKETS_PER_USER or self._tenants[claim.slug] >= MAX_SOCKETS_PER_TENANT:
            raise TooManyAttempts("Too many pages are open at once. Close some of them.")
        self._claims[holder] = claim
        self._users[claim.user_id] += 1
        self._tenants[claim.slug] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._check_while_any())

    def remove(self, holder: Holder) -> None:
        claim = self._claims.pop(holder, None)
        if claim is not None:
            self._users -= Counter((claim.user_id,))
            self._tenants -= Counter((claim.slug,))

    async def holds(self, claim: Claim) -> bool:
        return claim in await _still_allowed({claim})

    async def _check_while_any(self) -> None:
        while self._claims:
            await asyncio.sleep(RECHECK_S)
            claims = set(self._claims.values())
            try:
                ended = claims - await _still_allowed(claims)
            except Exception:
                # Rights are rows: while the database does not answer, none can have ended.
                logger.exception("rechecking the sockets' rights")
                continue
            for holder, claim in tuple(self._claims.items()):
                if claim in ended:
                    holder.revoke()


async def _still_allowed(claims: set[Claim]) -> set[Claim]:
    allowed: set[Claim] = await database_sync_to_async(still_allowed)(claims)
    return allowed


recheck: Final = Recheck()
