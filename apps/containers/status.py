"""The one word that says how an application is. Pure: rows in, words out."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from apps.containers.models import Application, Container, DesiredState
from apps.engine.types import ALIVE, ContainerState, Health
from apps.operations.models import Kind, Operation


class Word(StrEnum):
    RUNNING = "running"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    CRASHED = "crashed"
    STOPPED = "stopped"
    DEPLOYING = "deploying"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


_TONES: Final = {
    Word.RUNNING: "green",
    Word.STARTING: "azure",
    Word.DEPLOYING: "azure",
    Word.UNHEALTHY: "yellow",
    Word.CRASHED: "red",
    Word.STOPPED: "secondary",
    Word.SUSPENDED: "secondary",
    Word.UNKNOWN: "yellow",
}

_RUNNING_WORDS: Final = {
    Health.NONE: (Word.RUNNING, ""),
    Health.HEALTHY: (Word.RUNNING, ""),
    Health.STARTING: (Word.STARTING, "its health check has not passed yet"),
    Health.UNHEALTHY: (Word.UNHEALTHY, "its health check fails"),
}

#: A process that ends with one of these was asked to (128 + SIGTERM) or had done its work.
_ORDERLY_EXITS: Final = frozenset({0, 143})


@dataclass(frozen=True, slots=True)
class Status:
    """`word` for everybody, `detail` for those who want to know why, `since` when it began."""

    word: Word
    detail: str = ""
    since: datetime | None = None
    operation: Operation | None = None

    @property
    def tone(self) -> str:
        return _TONES[self.word]


def status_of(application: Application, container: Container | None, operation: Operation | None) -> Status:
    """`container` is that of the live release; `operation` the open one."""
    if not application.node.is_reachable:
        last_word = f"{_word_of(application, container)[0]} when " if container else ""
        detail = f"the engine does not answer; {last_word}last seen"
        return Status(Word.UNKNOWN, detail, application.node.seen_at, operation)
    if application.tenant.is_halted:
        is_stopping = container is not None and container.state in ALIVE
        return Status(Word.SUSPENDED, "still stopping" if is_stopping else "", application.tenant.halted_at, operation)
    if operation is not None and operation.kind == Kind.DEPLOY:
        return Status(Word.DEPLOYING, "", operation.created_at, operation)
    if operation is not None and operation.kind in {Kind.START, Kind.RESTART, Kind.RESUME}:
        return Status(Word.STARTING, "", operation.created_at, operation)
    if container is None:
        return Status(Word.STOPPED, "no release has run yet", application.created_at, operation)
    word, detail = _word_of(application, container)
    is_up = container.state == ContainerState.RUNNING
    since = container.started_at if is_up else container.finished_at or container.started_at
    return Status(word, detail, since, operation)


def _word_of(application: Application, container: Container) -> tuple[Word, str]:
    wants_stop = application.desired_state == DesiredState.STOPPED
    match ContainerState(container.state):
        case ContainerState.RUNNING:
            word, detail = _RUNNING_WORDS[Health(container.health)]
            return word, detail or (f"restarted after {exit_words(container)}" if exit_words(container) else "")
        case ContainerState.CREATED:
            return Word.STARTING, ""
        case ContainerState.PAUSED:
            return Word.STOPPED, "paused outside the panel"
        case ContainerState.RESTARTING:
            return Word.CRASHED, f"{exit_words(container)}, restarting"
        case ContainerState.GONE:
            return (Word.STOPPED if wants_stop else Word.CRASHED), "its container was removed outside the panel"
    is_orderly = wants_stop or container.was_stopped or container.exit_code in _ORDERLY_EXITS
    return (Word.STOPPED if is_orderly and not container.is_oom_killed else Word.CRASHED), exit_words(container)


def exit_words(container: Container) -> str:
    """How it ended last: `exit 137, out of memory`."""
    if container.exit_code is None:
        return ""
    return f"exit {container.exit_code}" + (", out of memory" if container.is_oom_killed else "")
