"""Usage as files. Cells hold times, numbers and slugs only: none can begin as a spreadsheet's formula does."""

import csv
import json
from collections.abc import Iterable
from functools import lru_cache
from io import StringIO
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse

from apps.metrics.amounts import NAMES, Amount, start_of
from apps.metrics.models import UsageHour
from apps.metrics.queries import within
from apps.metrics.spans import Span

Line = tuple[Any, ...]

_AMOUNTS: Final = ("cpu_seconds", "memory_gib_hours", "egress_bytes", "disk_gib_hours")
HOURLY: Final = ("hour", "application", "application_id", *_AMOUNTS)
DAILY: Final = ("day", "tenant", *_AMOUNTS)


def hourly(rows: QuerySet[UsageHour], span: Span) -> Iterable[Line]:
    """A line for every hour and application, as `HOURLY` names its cells."""
    found = within(rows, span).order_by("hour", "application_slug", "application_id")
    for hour, slug, application_id, *amounts in found.values_list(
        "hour", "application_slug", "application_id", *NAMES
    ).iterator():
        yield (_moment(hour), slug, application_id, *_cells(*amounts))


def daily(sums: Iterable[Line]) -> Iterable[Line]:
    """A line, as `DAILY` names its cells, for each of these sums: first hour of the day, slug, amounts."""
    for hour, slug, *amounts in sums:
        yield (_moment(hour)[:10], slug, *_cells(*amounts))


def csv_file(name: str, header: Line, lines: Iterable[Line]) -> HttpResponse:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return _attached(HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8"), f"{name}.csv")


def json_file(name: str, span: Span, header: Line, lines: Iterable[Line]) -> HttpResponse:
    content = {
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
        "hours": [dict(zip(header, line, strict=True)) for line in lines],
    }
    return _attached(HttpResponse(json.dumps(content), content_type="application/json"), f"{name}.json")


@lru_cache(maxsize=64)
def _moment(hour: int) -> str:
    return start_of(hour).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cells(*amounts: int) -> Line:
    amount = Amount(*amounts)
    return tuple(getattr(amount, name) for name in _AMOUNTS)


def _attached(response: HttpResponse, filename: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
