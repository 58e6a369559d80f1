"""Reads of usage. Lists take the same number of queries whatever their length."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import F, Min, QuerySet, Sum

from apps.containers.models import Container
from apps.engine.types import ContainerState
from apps.metrics.amounts import KIB, NAMES, Amount, ms_of, start_of
from apps.metrics.models import UsageDay, UsageHour
from apps.metrics.spans import Span
from apps.tenants.access import Access
from apps.tenants.permissions import Permission

#: Rows of hours or of days: they have the same columns.
Rows = QuerySet[UsageHour] | QuerySet[UsageDay]

SUMS: Final = {name: Sum(name) for name in NAMES}


@dataclass(frozen=True, slots=True)
class Point:
    """What was used in a step of a span; `seconds` is how much of that step has passed."""

    hour: int
    seconds: float
    amount: Amount

    @property
    def starts_at(self) -> datetime:
        return start_of(self.hour)


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Now:
    """What runs at present and what it uses, as of `sampled_at`, the oldest of the samples; None if there is none."""

    running: int
    sampled: int
    sampled_at: datetime | None
    cpu_millis: int
    memory_bytes: int
    disk_bytes: int | None
    disk_measured_at: datetime | None


def hours_of(access: Access) -> QuerySet[UsageHour]:
    """Those that this member may see."""
    return access.narrow(access.tenant.usage_hours.all(), Permission.VIEW, application="application_id")


def days_of(access: Access) -> QuerySet[UsageDay]:
    return access.narrow(access.tenant.usage_days.all(), Permission.VIEW, application="application_id")


def usage_of(access: Access, span: Span) -> Rows:
    """The coarsest rows that tell of this span what this member may see."""
    return days_of(access) if span.is_of_days else hours_of(access)


def now(access: Access) -> Now:
    containers = Container.objects.filter(application__tenant=access.tenant, state=ContainerState.RUNNING)
    running = access.narrow(containers, Permission.VIEW, application="application_id")
    meters = access.tenant.meters.filter(engine_id__in=running.values("engine_id"))
    disk = access.narrow(access.tenant.disk_meters.all(), Permission.VIEW, application="application_id")
    sampled = list(meters.values_list("sampled_at", "cpu_millis", "memory_bytes"))
    sizes = disk.aggregate(size=Sum("size_bytes"), at=Min("measured_at"))
    return Now(
        running=running.count(),
        sampled=len(sampled),
        sampled_at=min((at for at, _, _ in sampled), default=None),
        cpu_millis=sum(cpu for _, cpu, _ in sampled),
        memory_bytes=sum(memory for _, _, memory in sampled),
        disk_bytes=sizes["size"],
        disk_measured_at=sizes["at"],
    )


def within(rows: Rows, span: Span) -> Rows:
    return rows.filter(hour__gte=span.first, hour__lt=span.end)


def points(rows: Rows, span: Span) -> list[Point]:
    """The span step by step, without gaps, in one query."""
    found = within(rows, span).annotate(bucket=F("hour") / span.step).values("bucket").annotate(**SUMS)
    amounts = {row["bucket"]: amount_of(row) for row in found.order_by("bucket")}
    buckets = range(span.first // span.step, (span.end - 1) // span.step + 1)
    return [_point(bucket * span.step, span, amounts.get(bucket, Amount())) for bucket in buckets]


def _point(hour: int, span: Span, amount: Amount) -> Point:
    start, end = max(hour, span.first), min(hour + span.step, span.end)
    passed_ms = min(ms_of(start_of(end)), ms_of(span.now)) - ms_of(start_of(start))
    return Point(start, max(passed_ms / 1000, 1), amount)


def total(found: Iterable[Point]) -> Amount:
    return sum((point.amount for point in found), Amount())


def table(found: Iterable[Point], span: Span) -> list[Row]:
    """The points by hour, day or month, the latest first; those of no use are left out."""
    rows: dict[str, Amount] = {}
    for point in found:
        label = point.starts_at.strftime(span.row)
        rows[label] = rows.get(label, Amount()) + point.amount
    return [Row(label, amount) for label, amount in reversed(rows.items()) if amount != Amount()]


def series(found: Iterable[Point], span: Span) -> dict[str, Any]:
    """What the graphs draw: levels on average of each step (cores, bytes), and what was sent in each."""
    known = list(found)
    return {
        "starts": [ms_of(point.starts_at) // 1000 for point in known],
        "ends": ms_of(start_of(span.end)) // 1000,
        "step": span.step * 3600,
        "cpu": [round(point.amount.cpu_seconds / point.seconds, 4) for point in known],
        "memory": [round(point.amount.memory_kib_s * KIB / point.seconds) for point in known],
        "egress": [point.amount.egress_bytes for point in known],
        "disk": [round(point.amount.disk_kib_s * KIB / point.seconds) for point in known],
    }


def by_application(rows: Rows, span: Span) -> list[Any]:
    """Sums of each application, also of those that are deleted; who used most CPU first."""
    grouped = within(rows, span).values("application_id", "application_slug").annotate(**SUMS)
    return list(grouped.order_by("-cpu_ms", "application_id"))


def existing(access: Access, application_ids: Iterable[int]) -> set[int]:
    return set(access.tenant.applications.filter(pk__in=list(application_ids)).values_list("pk", flat=True))


def graphs(rows: Rows, span: Span) -> dict[str, Any]:
    """What the shared part of the pages shows of a span: graphs, sums and a table."""
    found = points(rows, span)
    return {"span": span, "total": total(found), "series": series(found, span), "rows": table(found, span)}


def amount_of(row: Mapping[str, Any]) -> Amount:
    """The sums of a row of `values()`."""
    return Amount(*(row[name] or 0 for name in NAMES))
