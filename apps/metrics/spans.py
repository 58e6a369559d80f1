"""The spans of time that people choose from, in whole hours of UTC."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.http import HttpRequest
from django.utils import timezone

from apps.core.views import text_of
from apps.metrics.amounts import DAY_H, hour_of, start_of

#: What a row of the table is, as the words that name it are made.
HOUR, DAY, MONTH = "%Y-%m-%d %H:00", "%Y-%m-%d", "%B %Y"
DEFAULT: Final = "24h"


@dataclass(frozen=True, slots=True)
class Span:
    """From hour `first` up to, without it, hour `end`; `step` hours are a point of a graph, `row` a row of the table.

    The running hour is part of the span if `end` is later than `now`.
    """

    name: str
    label: str
    first: int
    end: int
    step: int
    row: str
    now: datetime

    @property
    def since(self) -> datetime:
        return start_of(self.first)

    @property
    def until(self) -> datetime:
        return min(start_of(self.end), self.now)

    @property
    def is_of_days(self) -> bool:
        """Whether it is made of whole days, of which the last may still be running."""
        return self.step == DAY_H

    @property
    def step_word(self) -> str:
        return "day" if self.is_of_days else "hour"

    @property
    def row_word(self) -> str:
        return {HOUR: "Hour", DAY: "Day", MONTH: "Month"}[self.row]


@dataclass(frozen=True, slots=True)
class _Choice:
    label: str
    first: Callable[[datetime], datetime]
    step: int
    row: str
    end: Callable[[datetime], datetime] | None = None


def _midnight(moment: datetime, days_before: int = 0) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_before)


def _month(moment: datetime) -> datetime:
    return _midnight(moment).replace(day=1)


def _last_month(moment: datetime) -> datetime:
    return _month(_month(moment) - timedelta(days=1))


_CHOICES: Final = {
    "24h": _Choice("24 hours", lambda now: now - timedelta(hours=23), 1, HOUR),
    "7d": _Choice("7 days", lambda now: _midnight(now, 6), 1, DAY),
    "30d": _Choice("30 days", lambda now: _midnight(now, 29), DAY_H, DAY),
    "month": _Choice("This month", _month, DAY_H, DAY),
    "last-month": _Choice("Last month", _last_month, DAY_H, DAY, end=_month),
    "12m": _Choice("12 months", lambda now: _midnight(now, 364), DAY_H, MONTH),
}

#: Name and label of each.
CHOICES: Final = tuple((name, choice.label) for name, choice in _CHOICES.items())


def span_of(name: str, now: datetime) -> Span:
    """The span of that name as it is now; the default one for any other name."""
    now = now.astimezone(UTC)
    name = name if name in _CHOICES else DEFAULT
    choice = _CHOICES[name]
    end = hour_of(choice.end(now)) if choice.end else hour_of(now) + 1
    return Span(name, choice.label, hour_of(choice.first(now)), end, choice.step, choice.row, now)


def asked_span(request: HttpRequest) -> Span:
    """The span that `?range=` names."""
    return span_of(text_of(request.GET, "range"), timezone.now())
