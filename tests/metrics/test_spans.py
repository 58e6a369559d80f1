"""The spans that people choose from begin and end at the hours, days and months of UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from apps.metrics.spans import CHOICES, span_of

NOW = datetime(2026, 3, 1, 0, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("24h", datetime(2026, 2, 28, 1, tzinfo=UTC), NOW),
        ("7d", datetime(2026, 2, 23, tzinfo=UTC), NOW),
        ("30d", datetime(2026, 1, 31, tzinfo=UTC), NOW),
        ("month", datetime(2026, 3, 1, tzinfo=UTC), NOW),
        ("last-month", datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("12m", datetime(2025, 3, 2, tzinfo=UTC), NOW),
    ],
)
def test_a_span_is_whole_hours_up_to_now(name, since, until):
    span = span_of(name, NOW)
    assert (span.since, span.until) == (since, until)


def test_last_month_in_january_is_december_of_the_year_before():
    span = span_of("last-month", datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    assert (span.since, span.until) == (datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", [name for name, _ in CHOICES])
def test_days_are_those_of_utc_wherever_the_clock_stands(name):
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-8)))
    assert span_of(name, elsewhere).first == span_of(name, NOW).first
