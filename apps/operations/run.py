"""Running one attempt at an operation: what a job sees, and what becomes of how it ends."""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from apps.core.errors import PanelError
from apps.operations import lifecycle
from apps.operations.models import Kind, Operation, State
from apps.operations.plans import TITLES
from apps.tenants.access import check_actor
from apps.tenants.permissions import Permission

logger = logging.getLogger(__name__)

#: How often progress within a step is written at most.
PROGRESS_INTERVAL_S: Final = 0.4

Job = Callable[["Run"], None]
JOBS: Final[dict[Kind, Job]] = {}


def job(kind: Kind) -> Callable[[Job], Job]:
    """Register the function that carries out a kind of operation."""

    def register(function: Job) -> Job:
        JOBS[kind] = function
        return function

    return register


class Run:
    """One attempt, as its job sees it. Every method may raise Superseded; `step` and `check` also CancelRequested."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self._may_cancel = True
        self._reported_at = 0.0
        self._looked_at = 0.0

    def step(self, name: str, *, may_cancel: bool = True) -> None:
        """End the step before with success and begin this one: one write, which also proves that we still may."""
        self._may_cancel = may_cancel
        begun = {"name": name, "title": TITLES[name], "state": "running", "started": _now().isoformat()}
        steps = [*self._ended_steps("done"), begun]
        lifecycle.update_attempt(self.operation, may_cancel=may_cancel, steps=steps)
        self.operation.steps = steps
        self._looked_at = self._reported_at = time.monotonic()

    def skip(self, name: str, why: str) -> None:
        skipped = {"name": name, "title": TITLES[name], "state": "skipped", "detail": why}
        self.operation.steps = [*self._ended_steps("done"), skipped]

    def progress(self, **detail: Any) -> None:
        """Details of the current step (`detail`: a sentence; `layers`: of a pull), written a few times a second."""
        self.operation.steps[-1].update(detail)
        if time.monotonic() - self._reported_at > PROGRESS_INTERVAL_S:
            lifecycle.update_attempt(self.operation, steps=self.operation.steps)
            self._reported_at = time.monotonic()

    def check(self, *, now: bool = False) -> None:
        """Raise if the attempt is not ours any more, or if it should be cancelled; asks the database twice a second."""
        if not now and time.monotonic() - self._looked_at < PROGRESS_INTERVAL_S:
            return
        self._looked_at = time.monotonic()
        row = (
            Operation.objects.filter(pk=self.operation.pk, attempt=self.operation.attempt, state=State.RUNNING)
            .values_list("cancel_requested_at")
            .first()
        )
        if row is None:
            raise lifecycle.Superseded
        if row[0] is not None and self._may_cancel:
            raise lifecycle.CancelRequested

    def is_cancelled(self) -> bool:
        """`check` for loops that must clean up by themselves."""
        try:
            self.check()
        except (lifecycle.CancelRequested, lifecycle.Superseded):
            return True
        return False

    def finish(self, state: State, error: PanelError | None = None) -> None:
        self.operation.steps = self._ended_steps("done" if state == State.SUCCEEDED else "failed")
        lifecycle.finish(self.operation, state, error)

    def _ended_steps(self, state: str) -> list[dict[str, Any]]:
        """The steps, of which the last, if it runs, has ended like this."""
        steps = list(self.operation.steps)
        if steps and steps[-1]["state"] == "running":
            steps[-1] = steps[-1] | {"state": state, "finished": _now().isoformat()}
        return steps


def run_next(worker: str, slots: int) -> bool:
    """Claim one operation and carry it out to a terminal state; False when there was nothing to claim."""
    operation = lifecycle.claim(worker, slots)
    if operation is None:
        return False
    run = Run(operation)
    try:
        _carry_out(run)
    except lifecycle.Superseded:
        logger.info("%s: attempt %s was superseded", operation, operation.attempt)
    return True


def _carry_out(run: Run) -> None:
    operation = run.operation
    try:
        if operation.permission and operation.tenant:
            check_actor(operation.actor, operation.tenant, Permission(operation.permission), operation.application_id)
        JOBS[Kind(operation.kind)](run)
    except lifecycle.Superseded:
        raise
    except PanelError as error:
        _end(run, State.CANCELLED if error.code == lifecycle.CancelRequested.code else State.FAILED, error)
    except Exception:
        _end(run, State.FAILED, _internal_error(run))
    else:
        _end(run, State.SUCCEEDED)


def _end(run: Run, state: State, error: PanelError | None = None) -> None:
    """A terminal state, whatever happens: what cannot be written must not run for ever."""
    try:
        run.finish(state, error)
    except lifecycle.Superseded:
        raise
    except Exception:
        run.operation.steps = []
        run.finish(State.FAILED, _internal_error(run))


def _internal_error(run: Run) -> PanelError:
    """For the exception that is being handled: logged with a reference, which is all that people are told."""
    reference = uuid.uuid4().hex[:12]
    logger.exception("operation %s failed, reference %s", run.operation.pk, reference)
    return PanelError(
        f"Something went wrong inside Berth. Tell the operator this reference: {reference}.", code="internal"
    )


class Heartbeat(threading.Thread):
    """Beats for all operations of this process while it lives; a frozen process stops beating."""

    def __init__(self, worker: str, interval_s: float) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._worker = worker
        self._interval_s = interval_s
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            try:
                lifecycle.beat(self._worker)
            except Exception:
                logger.exception("heartbeat failed")

    def stop(self) -> None:
        self._stopped.set()


def _now() -> datetime:
    return timezone.now()
