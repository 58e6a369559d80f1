"""What applications reserve: before the work begins, until their containers are gone."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection
from django.test import Client

from apps.audit.actor import SYSTEM
from apps.containers import services
from apps.containers.models import Application
from apps.containers.needs import settle_all
from apps.containers.strategy import Strategy
from apps.engine.client import Engine
from apps.engine.spec import MIB
from apps.networking.models import Network
from apps.nodes.services import installation, local_node, mark_seen
from apps.operations.models import Operation, State
from apps.operations.services import cancel
from apps.quotas.ledger import QuotaExceeded, balances_of, set_limits
from apps.quotas.models import Balance, Reservation
from apps.quotas.resources import Resource
from apps.tenants.models import Tenant
from apps.watcher.compare import resync
from tests.factories import latest_operation, make_application, make_spec
from tests.support.processes import WORKER, eventually, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine", "images", "caddy")]

SMALL = {"memory_bytes": 32 * MIB, "cpu_millis": 250}


def reserved(tenant: Tenant) -> tuple[int, int, int, int]:
    """CPU in thousandths, MiB of memory, applications, running containers."""
    found = {balance.resource: balance.reserved for balance in balances_of(tenant.account)}
    return found["cpu"], found["memory"] // MIB, found["applications"], found["containers"]


def limit(tenant: Tenant, **limits: int) -> None:
    set_limits(tenant.account, {Resource(name): value for name, value in limits.items()})


@pytest.fixture(autouse=True)
def _seen_engine(db):
    mark_seen(local_node())


@pytest.fixture
def shop(acme: Tenant, settle) -> Application:
    application = make_application(acme)
    operation = settle(latest_operation(application))
    assert operation.state == State.SUCCEEDED, operation.error_message
    application.refresh_from_db()
    return application


# --- a life -----------------------------------------------------------------------------------------------------------
def test_a_deploy_reserves_before_any_work(acme):
    make_application(acme)
    assert reserved(acme) == (250, 32, 1, 1)


def test_what_runs_stays_reserved(acme, shop):
    assert reserved(acme) == (250, 32, 1, 1)


def test_a_stopped_application_gives_cpu_and_memory_back(acme, shop, settle):
    settle(services.stop_application(shop, actor=SYSTEM))
    assert reserved(acme) == (0, 0, 1, 0)


def test_a_start_needs_them_again(acme, shop, settle):
    settle(services.stop_application(shop, actor=SYSTEM))
    limit(acme, memory=16 * MIB)
    with pytest.raises(QuotaExceeded, match="32 MiB more"):
        services.start_application(shop, actor=SYSTEM)
    limit(acme, memory=32 * MIB)
    assert settle(services.start_application(shop, actor=SYSTEM)).state == State.SUCCEEDED
    assert reserved(acme) == (250, 32, 1, 1)


def test_a_deleted_application_gives_everything_back(acme, shop, settle):
    settle(services.delete_application(shop, confirmed_name="shop", actor=SYSTEM))
    assert reserved(acme) == (0, 0, 0, 0)
    assert not Reservation.objects.exclude(resource="members").exists()


def test_a_failed_deploy_gives_its_surge_back(acme, shop, settle):
    failing = make_spec(port=None, command=("false",), **SMALL)
    operation = services.configure_application(shop, failing, actor=SYSTEM)
    assert reserved(acme) == (500, 64, 1, 2)
    assert settle(operation).state == State.FAILED
    assert reserved(acme) == (250, 32, 1, 1)


def test_a_cancelled_deploy_that_waited_gives_everything_back(acme):
    shop = make_application(acme)
    cancel(latest_operation(shop), actor=SYSTEM)
    assert reserved(acme) == (0, 0, 1, 0)


def test_a_wish_that_replaces_a_waiting_deploy_takes_its_place_in_the_ledger(acme):
    shop = make_application(acme)
    services.configure_application(shop, make_spec(memory_bytes=64 * MIB), actor=SYSTEM)
    assert reserved(acme) == (250, 64, 1, 1)


def test_what_somebody_starts_outside_the_panel_is_counted_and_never_breaks_the_watching(acme, shop, settle, engine):
    settle(services.stop_application(shop, actor=SYSTEM))
    limit(acme, memory=0)
    name = shop.containers.get().name
    for command, counted in (("start", (0, 0, 1, 0)), ("stop", (0, 0, 1, 0))):
        subprocess.run(["docker", command, name], check=True, capture_output=True)
        resync(engine, local_node())
        assert reserved(acme) == counted  # there is no room to count it; that it runs is seen all the same
    limit(acme, memory=64 * MIB)
    subprocess.run(["docker", "start", name], check=True, capture_output=True)
    resync(engine, local_node())
    assert reserved(acme) == (250, 32, 1, 1)


def test_what_was_lost_is_found_again_at_the_start(acme, shop):
    Reservation.objects.all().delete()
    Balance.objects.update(reserved=0)
    settle_all()
    assert reserved(acme) == (250, 32, 1, 1)


# --- no room ----------------------------------------------------------------------------------------------------------
def test_a_refused_application_leaves_nothing_behind(acme):
    limit(acme, memory=16 * MIB)
    with pytest.raises(QuotaExceeded):
        make_application(acme)
    assert (Application.objects.count(), Network.objects.count(), Operation.objects.count()) == (0, 0, 0)
    assert reserved(acme) == (0, 0, 0, 0)


def test_the_form_says_which_quota_at_the_field_and_loses_nothing(acme, alice, sign_in, images):
    limit(acme, memory=16 * MIB)
    data = {"image": images["berth-test/httpd:1"], "name": "shop", "port": "8080", "memory_mib": "32", "cpu": "0.25"}
    answer = sign_in(alice).post("/t/acme/new/image/", data)
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == ["memory_mib"]
    assert "Memory: this needs 32 MiB more, but 0 B of the 16 MiB in your plan are taken." in errors["memory_mib"][0]
    assert answer.context["form"]["name"].value() == "shop"


def test_the_node_is_not_promised_beyond_its_ratio(acme):
    set_limits(local_node().account, {Resource.CPU: 250, Resource.MEMORY: 1024 * MIB})
    make_application(acme, "one")
    with pytest.raises(QuotaExceeded, match=r"the engine has no room for 0.25 cores more"):
        make_application(acme, "two")


# --- no room for two releases at once ---------------------------------------------------------------------------------
def test_a_rolling_deploy_needs_room_for_both_and_recreating_for_one(acme, shop, settle):
    limit(acme, memory=48 * MIB)
    with pytest.raises(QuotaExceeded):
        services.deploy_application(shop, actor=SYSTEM)
    before = shop.containers.get()
    operation = services.deploy_application(shop, actor=SYSTEM, strategy=Strategy.RECREATE)
    assert reserved(acme) == (250, 32, 1, 1)
    assert settle(operation).state == State.SUCCEEDED, operation.error_message
    assert reserved(acme) == (250, 32, 1, 1)
    assert shop.containers.get() != before


def test_recreating_never_runs_both(acme, shop, settle, monkeypatch):
    limit(acme, memory=48 * MIB)
    running_at_start: list[int] = []
    start = Engine.start_container

    def counting(engine: Engine, container_id: str) -> None:
        found = engine.containers(installation().label)
        running_at_start.append(sum(summary.state == "running" for summary in found))
        start(engine, container_id)

    monkeypatch.setattr(Engine, "start_container", counting)
    settle(services.deploy_application(shop, actor=SYSTEM, strategy=Strategy.RECREATE))
    assert running_at_start == [0]


def test_a_failed_recreation_brings_the_release_before_back(acme, shop, settle):
    limit(acme, memory=48 * MIB)
    failing = make_spec(port=8080, command=("false",), **SMALL)
    operation = services.configure_application(shop, failing, actor=SYSTEM, strategy=Strategy.RECREATE)
    assert settle(operation).state == State.FAILED
    container = shop.containers.get()
    assert (container.release.number, container.state) == (1, "running")
    assert reserved(acme) == (250, 32, 1, 1)


def test_the_button_offers_to_recreate_where_both_do_not_fit(acme, alice, shop, sign_in, settle):
    limit(acme, memory=48 * MIB)
    client: Client = sign_in(alice)
    path = "/t/acme/applications/shop/deploy/"
    answer = client.post(path)
    assert answer.status_code == 409
    assert 'value="recreate"' in answer.content.decode()
    assert client.post(path, {"strategy": "recreate"}).status_code == 302
    assert settle(latest_operation(shop)).state == State.SUCCEEDED


def test_it_offers_nothing_that_does_not_fit_either(acme, alice, shop, sign_in):
    limit(acme, memory=16 * MIB)
    data = {"image": shop.spec.image, "port": "8080", "memory_mib": "64", "cpu": "0.25"}
    answer = sign_in(alice).post("/t/acme/applications/shop/configure/", data)
    assert answer.status_code == 422
    assert 'value="recreate"' not in answer.content.decode()


# --- many at once -----------------------------------------------------------------------------------------------------
def test_of_fifty_who_deploy_at_once_into_room_for_one_exactly_one_succeeds(acme, engine):
    limit(acme, memory=32 * MIB)
    seen: list[int] = []

    def deploy(number: int) -> bool:
        try:
            make_application(acme, f"app-{number}")
        except QuotaExceeded:
            return False
        finally:
            connection.close()
        return True

    def look() -> bool:
        balance = Balance.objects.get(account=acme.account, resource="memory")
        seen.append(balance.reserved)
        seen.append(32 * MIB * len(engine.containers(installation().label)))
        return not Operation.objects.filter(state__in=("queued", "running")).exists()

    with running(*WORKER), running(*WORKER), ThreadPoolExecutor(50) as pool:
        outcomes = pool.map(deploy, range(50))
        eventually(partial(look), within_s=60)
        assert sum(outcomes) == 1
        eventually(look, within_s=60)
        application = acme.applications.get()
        assert latest_operation(application).state == State.SUCCEEDED
        services.delete_application(application, confirmed_name=application.slug, actor=SYSTEM)
        eventually(look, within_s=60)
    assert max(seen) <= 32 * MIB
    assert reserved(acme) == (0, 0, 0, 0)
    assert not Reservation.objects.filter(holder__startswith="application:").exists()
