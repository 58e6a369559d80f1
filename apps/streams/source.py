"""One reader of one container's log, for everybody in this process who looks at it."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from apps.engine import stream as engine
from apps.engine.errors import EngineError, ObjectNotFound
from apps.streams import history
from apps.streams.handout import HandOut
from apps.streams.lines import Cursor, Line, Parser, Sieve, parser_for, seconds_of
from apps.streams.outlet import Outlet
from apps.streams.ring import Ring
from apps.streams.rotation import Leap, RotationWatch
from apps.streams.subscription import Subscription

logger = logging.getLogger(__name__)

#: A viewer begins with this many lines.
TAIL_LINES: Final = 500
#: The backlog is read when nothing more comes for this long, or the time is up.
_QUIET_S: Final = 0.05
_BACKLOG_S: Final = 1.0
#: Timestamps of the two streams may be this far out of order.
_DISORDER_S: Final = 2
#: A repetition by the engine is over in less; if it is not, the node's clock was set back.
_REPETITION_S: Final = 10.0
_RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
#: How often a container that ended is looked at again (the doorbell usually says it sooner).
_LOOK_AGAIN_S: Final = 5.0
_CHECK_PAUSE_S: Final = 1.0
#: A follower that was silent for this long is asked whether it is stuck.
_SILENCE_S: Final = 2.0
_CATCH_UP_S: Final = 2.0


class Source:
    """Reads while it has members. `on_idle` is called when the last one has left."""

    def __init__(self, url: str, container_id: str, on_idle: Callable[["Source"], None]) -> None:
        self.url = url
        self.container_id = container_id
        self.name = container_id[:12]
        self.trouble: str | None = None
        self._on_idle = on_idle
        self._hand_out = HandOut(self.name)
        self._primed = asyncio.Event()
        self._looked_for = asyncio.Event()
        self._extending = asyncio.Lock()
        self._sieve = Sieve()
        self._floor = b""
        self._repeats_since: float | None = None
        self._primed_by = 0.0
        self._may_be_stuck = False
        self._checked_at = float("-inf")
        self._checks: set[asyncio.Task[None]] = set()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    # Members

    @property
    def ring(self) -> Ring:
        return self._hand_out.ring

    @property
    def is_idle(self) -> bool:
        return not self._hand_out.members

    async def join(self, outlet: Outlet, cursor: Cursor | None) -> Subscription:
        """Give the outlet what follows the cursor, or the last lines, and then everything new."""
        subscription = Subscription(self.ring, outlet, self.name)
        self._hand_out.members[subscription] = None
        if self.trouble is not None:
            subscription.tell({"error": self.trouble, "source": self.name})
        try:
            await self._primed.wait()
            if cursor is None:
                subscription.start(*self.ring.tail(TAIL_LINES))
            else:
                await self._reach(cursor, subscription)
                subscription.start(*self.ring.after(cursor))
        except BaseException:
            self.leave(subscription)
            raise
        return subscription

    def leave(self, subscription: Subscription) -> None:
        subscription.stop()
        self._hand_out.members.pop(subscription, None)
        if self.is_idle:
            self._on_idle(self)

    def look_again(self) -> None:
        """The container may have started again."""
        self._looked_for.set()

    def start(self) -> None:
        create = asyncio.get_running_loop().create_task
        self._tasks = (create(self._read_forever()), create(self._hand_out.run()))

    async def stop(self) -> None:
        tasks = {*self._tasks, *self._checks}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # Reading

    async def _read_forever(self) -> None:
        failures = 0
        while True:
            try:
                facts = await engine.inspect(self.url, self.container_id)
                self._is_well()
                failures = 0
                parser = await self._read(facts)
                facts = await engine.inspect(self.url, self.container_id)
                if not facts.is_running:
                    self._take(0, parser.finish())
                    self._hand_out.remark({"ended": facts.exit_code, "oom": facts.is_oom_killed})
                    self._prime()
                    await self._wait_for_start(facts.started_at)
                    self._hand_out.remark({"started": True})
            except ObjectNotFound:
                self._hand_out.remark({"removed": True})
                self._prime()
                return
            except EngineError as error:
                self._is_in_trouble(error.message)
                await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1
            except Exception:
                logger.exception("reading the log of %s", self.name)
                self._is_in_trouble("The log cannot be read because of an internal error.")
                await asyncio.sleep(_RETRY_S[-1])

    async def _read(self, facts: engine.ContainerFacts) -> Parser:
        """Read on from where the last reading ended, until the stream ends."""
        parser = parser_for(has_tty=facts.has_tty)
        watch = RotationWatch(facts.log_file_bytes)
        self._primed_by = asyncio.get_running_loop().time() + _BACKLOG_S
        tail: int | None = TAIL_LINES
        since = ""
        if newest := self._sieve.cursor.newest:
            tail, since = None, seconds_of(newest, -_DISORDER_S)
            self._sieve = Sieve(self._sieve.cursor.with_floor(self._floor))
        async with engine.logs(self.url, self.container_id, follow=True, tail=tail, since=since) as stream:
            while data := await self._next(stream):
                began = time.perf_counter()
                lines = self._take(len(data), parser.feed(data))
                if leap := watch.observe(len(data), lines, time.time()):
                    self._suspect(leap)
                if len(data) == engine.READ_BYTES:
                    # There is more at once: a container that floods gets two thirds of the loop's time, not all.
                    await asyncio.sleep((time.perf_counter() - began) / 2)
                if self._hand_out.is_full:
                    await self._hand_out.wait_for_room()
        return parser

    async def _next(self, stream: engine.ByteStream) -> bytes:
        """The next bytes; none at the end, and none from a follower that is stuck."""
        while True:
            try:
                async with asyncio.timeout(self._quiet_s):
                    data = await stream.read()
            except TimeoutError:
                if not self._primed.is_set():
                    self._prime()
                elif await self._is_stuck():
                    return b""
            else:
                self._may_be_stuck = True
                return data

    @property
    def _quiet_s(self) -> float | None:
        """How long to wait for more before silence means something."""
        if not self._primed.is_set():
            return min(_QUIET_S, max(0.0, self._primed_by - asyncio.get_running_loop().time()))
        return _SILENCE_S if self._may_be_stuck else None

    async def _is_stuck(self) -> bool:
        """Whether the log went on without us. Asked once in each silence: Docker may lose its place at a rotation."""
        self._may_be_stuck = False
        return await history.newest_stamp(self.url, self.container_id) > self._sieve.cursor.newest

    async def _wait_for_start(self, started_at: str) -> None:
        """Until the container runs again, or ran in the meantime."""
        while True:
            self._looked_for.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._looked_for.wait()
            facts = await engine.inspect(self.url, self.container_id)
            if facts.is_running or facts.started_at != started_at:
                return

    def _take(self, size: int, lines: Sequence[Line]) -> list[Line]:
        fresh = self._sieve.admit(lines)
        self._watch_clock(lines)
        if not fresh:
            return fresh
        if not self._sieve.found_cursor:
            # The engine's oldest line is newer than our last: rotation took what was between.
            self._sieve.found_cursor = True
            self._hand_out.remark({"gap": None})
        self._floor = self._floor or fresh[0].stamp
        self._hand_out.add(fresh, size, self._sieve.cursor.newest)
        return fresh

    def _watch_clock(self, lines: Sequence[Line]) -> None:
        if not lines:
            return
        now = asyncio.get_running_loop().time()
        if not self._sieve.is_behind:
            self._repeats_since = None
        elif self._repeats_since is None:
            self._repeats_since = now
        elif now - self._repeats_since > _REPETITION_S:
            self._repeats_since = None
            self._sieve.forget_order()
            self._hand_out.remark({"gap": None})

    def _prime(self) -> None:
        """What the log held when reading began is there: viewers may begin."""
        self._hand_out.cut()
        self._primed.set()

    def _is_in_trouble(self, sentence: str) -> None:
        if sentence != self.trouble:
            self.trouble = sentence
            self._hand_out.tell({"error": sentence})

    def _is_well(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            self._hand_out.tell({"error": None})

    # The past

    async def _reach(self, cursor: Cursor, subscription: Subscription) -> None:
        """See to it that the ring holds what follows the cursor; tell the viewer of what is lost for good."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CATCH_UP_S):
                # A reader that has just begun may still be on its way to where this viewer has been.
                while self._sieve.cursor.newest < cursor.newest:  # noqa: ASYNC110  rare, and short
                    await asyncio.sleep(_QUIET_S)
        self._hand_out.cut()
        # One after the other: what the first one gets is mostly what the next ones need.
        async with self._extending:
            if self.ring.covers(cursor):
                return
            try:
                past = await history.read_back(self.url, self.container_id, cursor, self.ring)
            except EngineError as error:
                subscription.tell({"error": error.message, "source": self.name})
                past = history.Past((), cut=0, reaches_cursor=False)
            self.ring.prepend_lines(past.lines)
        if past.cut:
            subscription.tell({"dropped": past.cut, "source": self.name})
        elif not past.reaches_cursor:
            subscription.tell({"gap": None, "source": self.name})

    def _suspect(self, leap: Leap) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._checked_at >= _CHECK_PAUSE_S:
            self._checked_at = loop.time()
            check = loop.create_task(self._check(leap))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)
        elif leap.is_certain:
            self._hand_out.remark({"gap": None})

    async def _check(self, leap: Leap) -> None:
        try:
            missed = await history.count_missed(self.url, self.container_id, leap)
        except EngineError:
            missed = history.Missed(0, has_begin=False)
        if missed.lines or (leap.is_certain and not missed.has_begin):
            self._hand_out.remark({"gap": missed.lines if missed.has_begin else None})
