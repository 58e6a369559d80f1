"""How measurements become amounts by the hour: pure functions over whole numbers, so that no sum ever drifts."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from apps.engine.types import ContainerSample

HOUR_MS: Final = 3_600_000
DAY_H: Final = 24
KIB: Final = 1024
GIB_HOUR_KIB_S: Final = KIB * KIB * 3600
#: What was used in a longer time without a measurement is counted in the last part of it, of this length.
MAX_SPREAD_MS: Final = 7 * 24 * HOUR_MS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Amount:
    """Base units: CPU milliseconds, bytes, and KiB-seconds of what is held (bytes would overflow a year's sum)."""

    cpu_ms: int = 0
    memory_kib_s: int = 0
    egress_bytes: int = 0
    disk_kib_s: int = 0

    def __add__(self, other: Self) -> "Amount":
        return Amount(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    @property
    def cpu_seconds(self) -> float:
        return self.cpu_ms / 1000

    @property
    def memory_gib_hours(self) -> float:
        return round(self.memory_kib_s / GIB_HOUR_KIB_S, 6)

    @property
    def disk_gib_hours(self) -> float:
        return round(self.disk_kib_s / GIB_HOUR_KIB_S, 6)


NAMES: Final = tuple(field.name for field in fields(Amount))


@dataclass(frozen=True, slots=True)
class Counted:
    """Up to where a container has been counted, and what its counters showed there."""

    at: datetime
    cpu_ms: int = 0
    sent_bytes: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """What a container used between two moments."""

    since: datetime
    until: datetime
    cpu_ms: int
    egress_bytes: int
    memory_bytes: int

    @property
    def cpu_millis(self) -> int:
        """Thousandths of a core, on average."""
        return self.cpu_ms * 1000 // max(1, ms_of(self.until) - ms_of(self.since))

    def by_hour(self) -> dict[int, Amount]:
        since, until = _span(self.since, self.until)
        cpu, egress = spread(self.cpu_ms, since, until), spread(self.egress_bytes, since, until)
        memory = spread(held_kib_s(self.memory_bytes, since, until), since, until)
        return {hour: Amount(cpu[hour], memory[hour], egress[hour]) for hour in cpu}


def use_between(last: Counted, now: ContainerSample) -> Use:
    """What is to be counted at a sample that is later than `last`.

    If the container was started meanwhile, its counters have begun anew, and count whole from that start. Of its memory
    only the two ends are known: it counts at the lower one, and until the first sample of a run not at all.
    """
    if now.started_at > last.at:
        last = Counted(now.started_at)
    return Use(
        since=last.at,
        until=now.at,
        cpu_ms=_growth(last.cpu_ms, now.cpu_ms),
        egress_bytes=_growth(last.sent_bytes, now.sent_bytes),
        memory_bytes=min(last.memory_bytes, now.memory_bytes),
    )


def disk_by_hour(since: datetime, until: datetime, size_bytes: int) -> dict[int, Amount]:
    """A size that was held on disk from one moment to another."""
    start, end = _span(since, until)
    parts = spread(held_kib_s(size_bytes, start, end), start, end)
    return {hour: Amount(disk_kib_s=part) for hour, part in parts.items()}


def spread(total: int, since_ms: int, until_ms: int) -> dict[int, int]:
    """Split an amount over the hours of a time span, in proportion; the parts add up to exactly the amount."""
    if since_ms >= until_ms:
        return {until_ms // HOUR_MS: total}
    parts, given = {}, 0
    for hour in range(since_ms // HOUR_MS, (until_ms - 1) // HOUR_MS + 1):
        end = min(until_ms, (hour + 1) * HOUR_MS)
        due = total * (end - since_ms) // (until_ms - since_ms)
        parts[hour] = due - given
        given = due
    return parts


def held_kib_s(size_bytes: int, since_ms: int, until_ms: int) -> int:
    return size_bytes * max(0, until_ms - since_ms) // (KIB * 1000)


def ms_of(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def hour_of(moment: datetime) -> int:
    """Whole hours since 1970, UTC: the number under which rows are kept."""
    return ms_of(moment) // HOUR_MS


def start_of(hour: int) -> datetime:
    return _EPOCH + timedelta(hours=hour)


def _span(since: datetime, until: datetime) -> tuple[int, int]:
    end = ms_of(until)
    return max(ms_of(since), end - MAX_SPREAD_MS), end


def _growth(last: int, now: int) -> int:
    """A counter that went backwards began anew: a network interface can be replaced while its container runs."""
    return now - last if now >= last else now
