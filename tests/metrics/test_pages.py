"""The pages of usage and what they export: each person's own share, in numbers that agree with the rows."""

import csv
import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import Event
from apps.metrics import ledger
from apps.metrics.amounts import GIB_HOUR_KIB_S, Amount, hour_of
from apps.metrics.ledger import Owner
from apps.metrics.models import DiskMeter, Meter
from apps.tenants.models import Tenant
from apps.tenants.permissions import Role
from tests.factories import make_application, own_image
from tests.metrics.conftest import owner_of

pytestmark = pytest.mark.django_db

PAGE = "/t/acme/usage/"
#: An hour of one core, two GiB and three GiB on disk.
HOUR = Amount(3_600_000, 2 * GIB_HOUR_KIB_S, 5_000, 3 * GIB_HOUR_KIB_S)


@pytest.fixture
def now() -> int:
    return hour_of(timezone.now())


def use(tenant: Tenant, *hours: int, application_id: int = 7, slug: str = "shop", amount: Amount = HOUR) -> None:
    ledger.add({(owner_of(tenant, application_id, slug), hour): amount for hour in hours})


def records(response) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(response.content.decode())))


def test_the_page_says_in_words_what_was_used_in_the_span(acme, vera, sign_in, now):
    use(acme, now - 1, now - 2, now - 24 * 60)
    client = sign_in(vera)
    page = client.get(PAGE).content.decode()
    for words in ("2 CPU hours", "4 GiB-hours", "9.8 KiB", "6 GiB-hours", "shop"):
        assert words in page
    assert "3 CPU hours" in client.get(PAGE + "?range=12m").content.decode()


def test_graphs_get_a_level_for_each_hour_and_the_table_the_same_sums(acme, vera, sign_in, now):
    use(acme, now - 2)
    context = sign_in(vera).get(PAGE).context
    series = context["series"]
    assert series["starts"][-3] == (now - 2) * 3600
    assert [series[key][-3] for key in ("cpu", "memory", "egress", "disk")] == [1, 2 * 1024**3, 5_000, 3 * 1024**3]
    assert len(series["starts"]) == len(series["cpu"]) == 24
    assert [row.amount for row in context["rows"]] == [HOUR]


def test_the_running_hour_is_a_level_over_what_has_passed_of_it(acme, vera, sign_in, monkeypatch):
    quarter_past = datetime(2026, 3, 14, 10, 15, tzinfo=UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: quarter_past)
    use(acme, hour_of(quarter_past), amount=Amount(cpu_ms=450_000))
    assert sign_in(vera).get(PAGE).context["series"]["cpu"][-1] == 0.5


def test_a_new_tenant_is_told_in_a_sentence_and_offered_an_application(acme, dora, vera, sign_in):
    page = sign_in(dora).get(PAGE).content.decode()
    assert "Nothing has been used yet" in page
    assert "New application" in page
    assert "New application" not in sign_in(vera).get(PAGE).content.decode()


def test_what_runs_now_is_told_with_the_age_of_the_sample(acme, vera, sign_in):
    own_image("httpd:1", "sha256:0")
    application = make_application(acme)
    release = application.releases.get()
    application.containers.create(release=release, name="c1", address="10.0.0.2", engine_id="e1", state="running")
    Meter.objects.create(
        tenant=acme, application_id=application.pk, engine_id="e1", sampled_at=timezone.now(),
        cpu_millis=250, memory_bytes=3 * 1024**2,
    )  # fmt: skip
    Meter.objects.create(tenant=acme, application_id=9, engine_id="ended", sampled_at=timezone.now(), cpu_millis=900)
    DiskMeter.objects.create(
        tenant=acme, application_id=application.pk, measured_at=timezone.now(), size_bytes=7 * 1024**2
    )
    fragment = sign_in(vera).get(PAGE, headers={"HX-Request": "true"}).content.decode()
    for words in ("0.25 cores", "3 MiB", "7 MiB", "measured"):
        assert words in fragment
    assert "<html" not in fragment


def test_a_tenant_never_sees_what_another_used(acme, other, alice, charlie, sign_in, now):
    use(acme, now)
    use(other, now, application_id=8, slug="theirs")
    mine, theirs = sign_in(alice), sign_in(charlie)
    for path in (PAGE, PAGE + "hours.csv", PAGE + "hours.json"):
        assert "theirs" not in mine.get(path).content.decode()
        elsewhere = theirs.get(path.replace("acme", "other")).content.decode()
        assert "theirs" in elsewhere
        assert "shop" not in elsewhere


def test_a_guest_sees_the_use_of_what_was_granted_and_nothing_else(acme, greta, sign_in, now):
    use(acme, now, application_id=7, slug="shop")
    use(acme, now, application_id=8, slug="secret")
    greta.memberships.get().grants.create(application_id=7, role=Role.VIEWER)
    client = sign_in(greta)
    page = client.get(PAGE).content.decode()
    assert "shop" in page
    assert "secret" not in page
    assert client.get(PAGE).context["total"] == HOUR
    assert [record["application"] for record in records(client.get(PAGE + "hours.csv"))] == ["shop"]


def test_csv_has_a_line_for_every_hour_and_application(acme, vera, sign_in, now):
    use(acme, now, now - 1)
    use(acme, now, application_id=8, slug="api", amount=Amount(cpu_ms=1_500))
    response = sign_in(vera).get(PAGE + "hours.csv?range=24h")
    assert response["Content-Disposition"] == 'attachment; filename="usage-acme-24h.csv"'
    found = records(response)
    assert [record["application"] for record in found] == ["shop", "api", "shop"]
    assert found[0] == {
        "hour": datetime.fromtimestamp((now - 1) * 3600, UTC).strftime("%Y-%m-%dT%H:00:00Z"),
        "application": "shop",
        "application_id": "7",
        "cpu_seconds": "3600.0",
        "memory_gib_hours": "2.0",
        "egress_bytes": "5000",
        "disk_gib_hours": "3.0",
    }
    assert found[1]["cpu_seconds"] == "1.5"


def test_json_says_the_same(acme, vera, sign_in, now):
    use(acme, now - 1)
    content = json.loads(sign_in(vera).get(PAGE + "hours.json").content)
    assert content["hours"][0]["cpu_seconds"] == 3600
    assert content["since"] < content["until"]


def test_exports_are_recorded_and_stay_possible_in_a_suspended_tenant(acme, vera, sign_in, now):
    use(acme, now)
    Tenant.objects.filter(pk=acme.pk).update(suspended_at=timezone.now())
    client = sign_in(vera)
    for path in (PAGE, PAGE + "hours.csv", PAGE + "hours.json?range=7d"):
        assert client.get(path).status_code == 200
    events = Event.objects.filter(action="usage.export", tenant_id=acme.pk).order_by("pk")
    assert [(event.actor_label, event.data) for event in events] == [
        ("vera@example.com", {"span": "24h", "format": "csv"}),
        ("vera@example.com", {"span": "7d", "format": "json"}),
    ]


def test_a_span_that_there_is_not_is_the_usual_one(acme, vera, sign_in):
    for query in ("?range=", "?range=%00", "?range=forever"):
        assert sign_in(vera).get(PAGE + query).context["span"].name == "24h"


@pytest.mark.parametrize("path", [PAGE + "?range=12m", "/console/usage/?range=12m"])
def test_the_pages_take_as_many_queries_for_a_year_of_many_as_for_an_hour_of_one(
    acme, other, alice, oscar, sign_in, now, path
):
    client = sign_in(alice if path == PAGE + "?range=12m" else oscar)
    use(acme, now)
    client.get(path)

    def queries() -> int:
        with CaptureQueriesContext(connection) as made:
            assert client.get(path).status_code == 200
        return len(made)

    before = queries()
    for number in range(60):
        use(acme, *range(now - 24 * 300, now, 24), application_id=100 + number, slug=f"app-{number}")
    use(other, now, application_id=8, slug="theirs")
    assert queries() == before


def test_the_operator_sees_all_tenants_and_exports_them_by_day(acme, other, oscar, sign_in, monkeypatch):
    noon = datetime(2026, 3, 14, 12, 5, tzinfo=UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: noon)
    now = hour_of(noon)
    use(acme, now, now - 1, now - 24)
    use(other, now, application_id=8, slug="theirs")
    client = sign_in(oscar)
    page = client.get("/console/usage/?range=30d")
    assert [(row["tenant__name"], row["cpu_ms"]) for row in page.context["page_obj"]] == [
        ("Acme", 3 * HOUR.cpu_ms),
        ("Other", HOUR.cpu_ms),
    ]
    found = records(client.get("/console/usage/days.csv?range=30d"))
    assert [(record["day"], record["tenant"], record["cpu_seconds"]) for record in found] == [
        ("2026-03-13", "acme", "3600.0"),
        ("2026-03-14", "acme", "7200.0"),
        ("2026-03-14", "other", "3600.0"),
    ]
    event = Event.objects.get(action="usage.export")
    assert (event.tenant_id, event.target_label) == (None, "all tenants")


def test_a_deleted_application_keeps_its_place_in_the_sums(acme, vera, sign_in, now):
    ledger.add({(Owner(acme.pk, 404, "gone"), now): HOUR})
    page = sign_in(vera).get(PAGE).content.decode()
    assert "gone" in page
    assert "deleted" in page
