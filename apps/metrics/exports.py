"""Usage as files. Cells hold times, numbers and slugs only: none can begin as a spreadsheet's formula does."""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any, Final

from django.http import HttpResponse

from apps.metrics.amounts import Amount, start_of
from apps.metrics.models import UsageHour
from apps.metrics.queries import amount_of
from apps.metrics.spans import Span

AMOUNTS: Final = ("cpu_seconds", "memory_gib_hours", "egress_bytes", "disk_gib_hours")


def hourly(rows: Iterable[UsageHour]) -> Iterator[dict[str, Any]]:
    """A record for every hour and application."""
    for row in rows:
        yield {
            "hour": start_of(row.hour).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "application": row.application_slug,
            "application_id": row.application_id,
            **_cells(Amount(row.cpu_ms, row.memory_kib_s, row.egress_bytes, row.disk_kib_s)),
        }


def daily(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A record for every day and tenant, of sums grouped by them."""
    for row in rows:
        yield {
            "day": start_of(row["day"] * 24).strftime("%Y-%m-%d"),
            "tenant": row["tenant__slug"],
            **_cells(amount_of(row)),
        }


def csv_file(name: str, header: Iterable[str], records: Iterable[dict[str, Any]]) -> HttpResponse:
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=[*header, *AMOUNTS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return _attached(HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8"), f"{name}.csv")


def json_file(name: str, span: Span, records: Iterable[dict[str, Any]]) -> HttpResponse:
    content = {"since": span.since.isoformat(), "until": span.until.isoformat(), "hours": list(records)}
    return _attached(HttpResponse(json.dumps(content), content_type="application/json"), f"{name}.json")


def _cells(amount: Amount) -> dict[str, float]:
    return {name: getattr(amount, name) for name in AMOUNTS}


def _attached(response: HttpResponse, filename: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
