"""What people type into forms, and what they are told when it is outside the rules. Nothing is half-made."""

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import Event, Result
from apps.containers.models import Application
from apps.networking.models import Domain, Network
from apps.nodes.services import installation
from apps.operations.models import Operation
from tests.factories import make_application, own_image

pytestmark = pytest.mark.django_db
HOST = {"host": settings.ENVIRONMENT.host}
FORM = {
    "image": "nginx:1.27", "name": "shop", "command": "", "port": "80", "variables": "A=1", "memory_mib": "64",
    "cpu": "0.25",
}  # fmt: skip


@pytest.fixture
def owner(acme, alice, sign_in_anew):
    return sign_in_anew(alice)


def ask(client, **changes: str):
    return client.post("/t/acme/new/image/", FORM | changes, headers=HOST)


def test_a_good_form_makes_the_application_and_lands_on_its_operation(owner, acme):
    response = ask(owner)
    application = acme.applications.get()
    assert response["Location"] == f"/t/acme/operations/{Operation.objects.get().pk}/"
    assert application.spec.memory_bytes == 64 * 1024 * 1024
    assert application.domain.host == "shop--acme.localhost"
    assert list(application.variables.values_list("name", "value")) == [("A", "1")]
    assert {"application.create", "application.deploy"} <= set(Event.objects.values_list("action", flat=True))


def test_without_a_port_there_is_no_address(owner, acme):
    ask(owner, port="")
    assert acme.applications.get().domain is None


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "Shop", "“Shop” does not"),
        ("name", "a--b", "Two hyphens"),
        ("name", "x" * 41, "has 41"),
        ("name", "", "required"),
        ("image", "UPPER/case", "UPPER/case"),
        ("image", "nginx:", "A tag has 1 to 128"),
        ("image", "", "required"),
        ("port", "70000", "70000"),
        ("port", "http", "whole number"),
        ("memory_mib", "1", "32 MiB"),
        ("memory_mib", "999999999", "1 TiB"),
        ("cpu", "0", "0.05"),
        ("cpu", "NaN", "number"),
        ("command", "sh -c 'open", "not closed"),
        ("variables", "1X=y", "1X"),
        ("variables", "novalue", "Line 1"),
    ],
)
def test_input_outside_the_rules_comes_back_with_the_field_marked_and_nothing_made(owner, field, value, words):
    response = ask(owner, **{field: value})
    page = response.content.decode()
    assert response.status_code == 422
    assert words in response.context["form"].errors[field][0]
    assert "nginx:1.27" in page or field == "image", "nothing that was typed is lost"
    assert not any(model.objects.exists() for model in (Application, Network, Domain, Operation))


def test_a_taken_name_is_said_at_the_field(owner, acme):
    ask(owner)
    response = ask(owner)
    assert "already has an application “shop”" in response.context["form"].errors["name"][0]
    assert Application.objects.count() == 1


def test_two_tenants_may_use_the_same_name(owner, client, charlie, other):
    ask(owner)
    client.force_login(charlie)
    client.post("/t/other/new/image/", FORM, headers=HOST)
    assert set(Domain.objects.values_list("host", flat=True)) == {"shop--acme.localhost", "shop--other.localhost"}


def test_the_sample_is_one_click_and_a_second_gets_a_name_of_its_own(owner, acme):
    own_image("sample:1", "sha256:0")
    for _ in range(2):
        assert owner.post("/t/acme/new/sample/", headers=HOST).status_code == 302
    assert set(acme.applications.values_list("slug", flat=True)) == {"sample", "sample-2"}


def test_a_redeploy_while_one_runs_is_busy_and_recorded(owner, acme):
    application = make_application(acme)
    Operation.objects.update(state="running")
    response = owner.post(f"/t/acme/applications/{application.slug}/deploy/", headers=HOST)
    assert response.status_code == 409
    assert "is running" in response.content.decode()
    assert application.releases.count() == 1, "a refused deploy freezes nothing"
    assert Event.objects.filter(action="application.deploy", result=Result.REFUSED).exists()


def test_a_deploy_replaced_or_cancelled_before_it_began_leaves_no_release_and_its_number_is_not_used_again(owner, acme):
    application = make_application(acme)
    for _ in range(3):
        owner.post("/t/acme/applications/shop/deploy/", headers=HOST)
    assert list(application.releases.values_list("number", flat=True)) == [4]
    waiting = Operation.objects.get(state="queued")
    owner.post(f"/t/acme/operations/{waiting.pk}/cancel/", headers=HOST)
    owner.post("/t/acme/applications/shop/deploy/", headers=HOST)
    assert list(application.releases.values_list("number", flat=True)) == [5]


def test_a_deploy_that_had_begun_stays_in_the_list_of_releases(owner, acme):
    application = make_application(acme)
    Operation.objects.update(state="cancelled", started_at=timezone.now())
    owner.post("/t/acme/applications/shop/deploy/", headers=HOST)
    assert list(application.releases.values_list("number", flat=True)) == [2, 1]


def test_deleting_asks_for_the_name_and_lists_what_goes(owner, acme):
    make_application(acme)
    page = owner.get("/t/acme/applications/shop/delete/", headers=HOST).content.decode()
    assert "shop--acme.localhost" in page
    wrong = owner.post("/t/acme/applications/shop/delete/", {"name": "shup"}, headers=HOST)
    assert "“shup” is not it" in wrong.context["form"].errors["name"][0]
    assert not Operation.objects.filter(kind="delete").exists()


def test_changing_the_size_makes_the_next_release(owner, acme):
    application = make_application(acme)
    Operation.objects.update(state="succeeded")
    form = {"image": "nginx:1.27", "command": "", "port": "80", "memory_mib": "128", "cpu": "1"}
    owner.post("/t/acme/applications/shop/configure/", form, headers=HOST)
    release = application.releases.latest("number")
    assert (release.number, release.spec.cpu_millis) == (2, 1000)
    changes = Event.objects.get(action="application.configure").data["changes"]
    assert changes["cpu_millis"] == [250, 1000]


def test_start_before_any_release_ran_says_what_to_do(owner, acme):
    make_application(acme)
    Operation.objects.update(state="failed")
    response = owner.post("/t/acme/applications/shop/start/", headers=HOST)
    assert response.status_code == 409
    assert "Deploy it first" in response.content.decode()


def test_the_list_takes_the_same_queries_for_ten_and_for_hundred_applications(owner, acme):
    def count(number: int) -> int:
        for n in range(number):
            make_application(acme, f"app-{acme.applications.count()}-{n}")
        with CaptureQueriesContext(connection) as made:
            assert owner.get("/t/acme/applications/", headers=HOST).status_code == 200
        return len(made)

    installation()  # made at the very first page
    assert count(5) == count(20)
