"""Samples become rows: the sums hold over gaps, two nodes of time and the year's end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.metrics import ledger
from apps.metrics.amounts import Amount, hour_of
from apps.metrics.models import DiskMeter, Meter, UsageDay, UsageHour
from apps.metrics.sampling import KEPT, count_disk, count_samples, forget_old_usage
from tests.metrics.conftest import HALF_PAST_TEN, owner_of, sample, used

pytestmark = pytest.mark.django_db

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
GIB = 1024**3


def test_a_panel_that_was_away_counts_what_was_used_meanwhile_in_the_hours_in_which_it_was(acme):
    owners = {"c1": owner_of(acme)}
    count_samples(owners, {"c1": sample(HALF_PAST_TEN, HALF_PAST_TEN - MINUTE, cpu_ms=100, memory=GIB)})
    back = HALF_PAST_TEN + 3 * HOUR
    count_samples(owners, {"c1": sample(back, HALF_PAST_TEN - MINUTE, cpu_ms=3_100, sent=600, memory=GIB // 2)})
    ten = hour_of(HALF_PAST_TEN)
    rows = {row.hour - ten: (row.cpu_ms, row.egress_bytes) for row in UsageHour.objects.all()}
    assert rows == {0: (600, 100), 1: (1_000, 200), 2: (1_000, 200), 3: (500, 100)}
    assert used().memory_gib_hours == 1.5


def test_a_sample_that_is_older_than_what_is_counted_is_left(acme):
    owners = {"c1": owner_of(acme)}
    newer = sample(HALF_PAST_TEN + MINUTE, HALF_PAST_TEN, cpu_ms=500)
    for told in (newer, newer, sample(HALF_PAST_TEN, HALF_PAST_TEN, cpu_ms=400)):
        count_samples(owners, {"c1": told})
    assert used().cpu_ms == Meter.objects.get().cpu_ms == 500


def test_two_containers_of_one_application_are_added_up(acme):
    """As while a deploy moves from the old to the new."""
    owners = dict.fromkeys(("old", "new"), owner_of(acme))
    told = sample(HALF_PAST_TEN + MINUTE, HALF_PAST_TEN, cpu_ms=500, sent=7)
    count_samples(owners, dict.fromkeys(owners, told))
    row = UsageHour.objects.get()
    assert (row.cpu_ms, row.egress_bytes) == (1_000, 14)


def test_a_container_that_used_nothing_makes_no_row(acme):
    count_samples({"c1": owner_of(acme)}, {"c1": sample(HALF_PAST_TEN, HALF_PAST_TEN)})
    assert not UsageHour.objects.exists()


def test_disk_counts_at_the_lower_of_two_sizes_from_the_first_measurement_on(acme):
    owner = owner_of(acme)
    count_disk(HALF_PAST_TEN, {owner: 2 * GIB})
    assert used() == Amount()
    count_disk(HALF_PAST_TEN + HOUR, {owner: 4 * GIB})
    count_disk(HALF_PAST_TEN + HOUR, {owner: 4 * GIB})
    assert used().disk_gib_hours == 2
    assert DiskMeter.objects.get().size_bytes == 4 * GIB
    count_disk(HALF_PAST_TEN + 2 * HOUR, {owner: GIB})
    assert used().disk_gib_hours == 3


def test_rows_are_kept_for_a_year(acme):
    now = hour_of(timezone.now())
    ledger.add({(owner_of(acme), now - age): Amount(cpu_ms=1) for age in (0, 24 * 365, 24 * KEPT.days + 1)})
    forget_old_usage()
    assert set(UsageHour.objects.values_list("hour", flat=True)) == {now, now - 24 * 365}
    assert UsageDay.objects.count() == 2


def test_five_hundred_containers_are_counted_in_as_many_queries_as_one(acme, django_assert_max_num_queries):
    owners = {f"c{number}": owner_of(acme, number, f"app-{number}") for number in range(500)}
    told = sample(HALF_PAST_TEN + MINUTE, HALF_PAST_TEN, cpu_ms=500)
    with django_assert_max_num_queries(30):
        count_samples(owners, dict.fromkeys(owners, told))
    assert used().cpu_ms == 250_000
