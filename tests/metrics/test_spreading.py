"""Amounts are split over hours without a unit lost or won, and a container's counters are read for what they say."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.amounts import HOUR_MS, MAX_SPREAD_MS, Amount, Counted, disk_by_hour, hour_of, spread, use_between
from tests.metrics.conftest import HALF_PAST_TEN, sample

TOTALS = st.integers(0, 10**15)
MOMENTS = st.integers(0, 4 * 10**12)
SPANS = st.integers(0, MAX_SPREAD_MS)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
GAPS = st.timedeltas(timedelta(milliseconds=1), timedelta(days=30))


@given(TOTALS, MOMENTS, SPANS)
def test_the_parts_add_up_to_exactly_the_whole_and_none_is_negative(total, since, length):
    parts = spread(total, since, since + length)
    assert sum(parts.values()) == total
    assert all(part >= 0 for part in parts.values())


@given(TOTALS, MOMENTS, SPANS)
def test_each_hour_gets_its_share_of_the_time(total, since, length):
    until = since + length
    for hour, part in spread(total, since, until).items():
        share = min(until, (hour + 1) * HOUR_MS) - max(since, hour * HOUR_MS)
        assert abs(part - (total * share / length if length else total)) <= 1 + total / 10**9


@given(MOMENTS, st.integers(1, MAX_SPREAD_MS))
def test_only_hours_within_the_time_get_anything(since, length):
    hours = sorted(spread(10**9, since, since + length))
    assert hours == list(range(since // HOUR_MS, (since + length - 1) // HOUR_MS + 1))


@given(TIMES, st.lists(st.tuples(GAPS, st.integers(0, 10**6), st.integers(0, 10**9)), min_size=1, max_size=20))
def test_however_often_a_container_is_sampled_its_counters_are_counted_once(start, steps):
    last, counted = Counted(start), Amount()
    at, cpu, sent = start, 0, 0
    for gap, more_cpu, more_sent in steps:
        at, cpu, sent = at + gap, cpu + more_cpu, sent + more_sent
        use = use_between(last, sample(at, start, cpu_ms=cpu, sent=sent))
        counted = sum(use.by_hour().values(), counted)
        last = Counted(at, cpu, sent)
    assert (counted.cpu_ms, counted.egress_bytes) == (cpu, sent)


@given(TIMES, GAPS, st.integers(0, 2**40))
def test_memory_and_disk_are_never_more_than_was_held_all_the_time(start, gap, size):
    until = start + gap
    use = use_between(Counted(start, memory_bytes=size), sample(until, start, memory=size))
    most = size * (gap.total_seconds() + 0.001) / 1024  # moments are cut to milliseconds
    assert sum(amount.memory_kib_s for amount in use.by_hour().values()) <= most
    assert sum(amount.disk_kib_s for amount in disk_by_hour(start, until, size).values()) <= most


@pytest.mark.parametrize(("before", "after"), [(100, 40), (40, 100)])
def test_memory_between_two_samples_counts_at_the_lower_one(before, after):
    minute = timedelta(minutes=1)
    last = Counted(HALF_PAST_TEN, memory_bytes=before * 1024)
    use = use_between(last, sample(HALF_PAST_TEN + minute, HALF_PAST_TEN - minute, memory=after * 1024))
    assert use.by_hour() == {hour_of(HALF_PAST_TEN): Amount(memory_kib_s=40 * 60)}


def test_a_gap_is_spread_over_its_hours():
    last = Counted(HALF_PAST_TEN, cpu_ms=1_000)
    use = use_between(last, sample(HALF_PAST_TEN + timedelta(hours=2), HALF_PAST_TEN, cpu_ms=5_000))
    ten = hour_of(HALF_PAST_TEN)
    assert {hour: amount.cpu_ms for hour, amount in use.by_hour().items()} == {
        ten: 1_000,
        ten + 1: 2_000,
        ten + 2: 1_000,
    }


def test_a_gap_of_months_is_counted_in_its_last_week():
    until = HALF_PAST_TEN + timedelta(days=90)
    use = use_between(Counted(HALF_PAST_TEN), sample(until, HALF_PAST_TEN, cpu_ms=10**9))
    hours = use.by_hour()
    assert sum(amount.cpu_ms for amount in hours.values()) == 10**9
    assert min(hours) == hour_of(until - timedelta(days=7))


def test_a_container_that_was_started_anew_is_counted_whole_even_if_it_has_used_more_than_before():
    last = Counted(HALF_PAST_TEN, cpu_ms=500, sent_bytes=50, memory_bytes=10**6)
    restarted = HALF_PAST_TEN + timedelta(minutes=10)
    use = use_between(last, sample(restarted + timedelta(minutes=1), restarted, cpu_ms=700, sent=70, memory=10**6))
    assert (use.since, use.cpu_ms, use.egress_bytes, use.memory_bytes) == (restarted, 700, 70, 0)


def test_a_counter_that_went_backwards_counts_from_zero():
    last = Counted(HALF_PAST_TEN, cpu_ms=500, sent_bytes=5_000)
    use = use_between(last, sample(HALF_PAST_TEN + timedelta(minutes=1), HALF_PAST_TEN, cpu_ms=600, sent=20))
    assert (use.cpu_ms, use.egress_bytes) == (100, 20)
