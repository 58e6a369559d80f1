"""When the grace of a deleted tenant is over: nothing of it is left at the engine, and a report proves it."""

import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.containers.models import Application
from apps.containers.tenancy import close_tenant, follow_up, reopen_tenant, suspend_tenant
from apps.engine.client import Engine
from apps.networking import routes
from apps.nodes.services import installation, local_node, mark_seen
from apps.operations.models import Kind, Operation, State
from apps.quotas.models import Balance, Reservation
from apps.tenants.models import Tenant
from tests.factories import latest_operation, make_application, make_spec, own_image
from tests.support.processes import WATCHER, WORKER, eventually, running

QUICK = {"PANEL_LEASE_S": "3", "PANEL_RESYNC_S": "5"}
pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine", "images", "caddy")]


def close(tenant: Tenant) -> None:
    close_tenant(tenant, confirmed_name=tenant.slug, actor=SYSTEM)


def let_the_grace_pass(tenant: Tenant) -> None:
    long_ago = timezone.now() - timedelta(days=2)
    Tenant.objects.filter(pk=tenant.pk).update(closed_at=long_ago, erase_at=long_ago + timedelta(days=1))


def holders_of(tenant: Tenant) -> list[str]:
    return [membership.holder for membership in tenant.memberships.all()]


def erasure() -> Operation:
    return Operation.objects.filter(kind=Kind.ERASE).latest("id")


def at_engine(tenant: Tenant, engine: Engine) -> list[str]:
    return engine.names_of_tenant(installation().label, tenant.pk)


@pytest.fixture
def shop(acme: Tenant, test_images, settle) -> Application:
    """Running, with a volume that holds data."""
    mark_seen(local_node())
    application = make_application(acme, spec=make_spec(volume_image()), GREETING="hello")
    assert settle(latest_operation(application)).state == State.SUCCEEDED
    return application


def volume_image() -> str:
    recipe = "FROM berth-test/httpd:1\nVOLUME /data\n"
    build = ["docker", "build", "-q", "-t", "berth-test/keeps:1", "-"]
    found = subprocess.run(build, input=recipe.encode(), check=True, capture_output=True).stdout.decode().strip()
    return own_image("keeps:1", found)


def test_it_stops_at_once_and_is_as_before_when_that_is_undone(shop, acme, settle):
    close(acme)
    settle(latest_operation(shop))
    assert shop.containers.get().state == "exited"
    reopen_tenant(acme, actor=SYSTEM)
    assert settle(latest_operation(shop)).state == State.SUCCEEDED
    assert shop.containers.get().state == "running"


def test_undone_while_it_is_suspended_it_stays_stopped(shop, acme, settle):
    suspend_tenant(acme, reason="Unpaid", actor=SYSTEM)
    close(acme)
    settle(latest_operation(shop))
    reopen_tenant(acme, actor=SYSTEM)
    settle(latest_operation(shop))
    assert shop.containers.get().state == "exited"


def test_within_the_grace_nothing_goes(shop, acme, settle, engine):
    close(acme)
    settle(latest_operation(shop))
    follow_up(local_node())
    assert not Operation.objects.filter(kind=Kind.ERASE).exists()
    assert len(at_engine(acme, engine)) == 3


def test_after_the_grace_nothing_of_it_is_left_and_a_report_proves_it(shop, acme, other, settle, engine):
    theirs = make_application(other, "theirs", make_spec(port=None))
    settle(latest_operation(theirs))
    before = at_engine(other, engine)
    close(acme)
    settle(latest_operation(shop))
    let_the_grace_pass(acme)
    follow_up(local_node())
    operation = settle(erasure())
    assert (operation.state, operation.tenant) == (State.SUCCEEDED, None)
    assert at_engine(acme, engine) == []
    assert not Tenant.objects.filter(slug="acme").exists()
    assert list(Application.objects.all()) == [theirs]
    assert routes.published() == {}
    assert set(Reservation.objects.values_list("holder", flat=True)) == {theirs.topic, *holders_of(other)}
    assert not Balance.objects.filter(account=acme.account).exists()
    assert User.objects.filter(name="Dora").exists(), "people's accounts stay"

    details = {step["name"]: step["detail"] for step in operation.steps}
    assert details["proof"].startswith("Nothing left")
    event = Event.objects.get(action="tenant.erase")
    assert (event.tenant_label, event.operation_id, event.data["left"]) == ("Acme", operation.pk, [])
    for words in ("1 application,", "1 container,", "1 volume", "1 network", "6 memberships", "nothing left of it"):
        assert words in event.data["message"]
    assert details["rows"] == event.data["message"]

    assert at_engine(other, engine) == before, "another tenant's things are untouched"


def test_what_carries_its_label_but_no_row_is_named_and_left_alone(shop, acme, settle, engine):
    labels = ["--label", f"berth.installation={installation().label}", "--label", f"berth.tenant={acme.pk}"]
    subprocess.run(["docker", "volume", "create", *labels, "stray-of-acme"], check=True, capture_output=True)
    close(acme)
    settle(latest_operation(shop))
    let_the_grace_pass(acme)
    follow_up(local_node())
    operation = settle(erasure())
    assert (operation.state, operation.error_code) == (State.FAILED, "left-at-engine")
    assert "volume stray-of-acme" in operation.error_message
    assert at_engine(acme, engine) == ["volume stray-of-acme"]
    assert not Tenant.objects.filter(slug="acme").exists()
    assert Event.objects.filter(action="tenant.erase", result=Result.FAILED).exists()


@pytest.mark.parametrize("call", ["stop_container", "remove_network", "remove_volume", "names_of_tenant"])
def test_a_worker_killed_in_the_middle_changes_nothing_about_the_end(shop, acme, settle, engine, call):
    let_the_grace_pass(acme)  # its container still runs: the worker that was to stop it never came
    with running(*WATCHER, **QUICK):
        with running("-m", "tests.support.killed_worker", call, **QUICK) as worker:
            worker.wait(30)
        assert erasure().state == State.RUNNING
        with running(*WORKER, **QUICK):
            eventually(lambda: not erasure().is_open, within_s=30)
    assert erasure().state == State.SUCCEEDED, erasure().error_message
    assert at_engine(acme, engine) == []
    assert not Tenant.objects.filter(slug="acme").exists()
    assert Event.objects.filter(action="tenant.erase").count() == 1


def test_a_worker_lost_between_the_report_and_its_end_leaves_the_report(shop, acme, settle):
    let_the_grace_pass(acme)
    follow_up(local_node())
    settle(erasure())
    Operation.objects.filter(kind=Kind.ERASE).update(state=State.QUEUED)
    operation = settle(erasure())
    assert operation.state == State.SUCCEEDED
    assert operation.steps[-1]["detail"] == Event.objects.get(action="tenant.erase").data["message"]
