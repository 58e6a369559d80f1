"""The life of an application, on the real engine and behind a real Caddy."""

import subprocess
from http.client import HTTPConnection

import pytest
from django.db import connection

from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.containers import queries, services
from apps.containers.models import Application, Container
from apps.containers.status import Word
from apps.networking.models import Domain, Network
from apps.nodes.services import local_node, mark_seen
from apps.operations.models import State
from apps.operations.tasks import work
from apps.volumes.models import Volume
from tests.factories import latest_operation, make_application, make_spec

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine", "images")]


def visit(caddy, host: str) -> tuple[int, str]:
    connection = HTTPConnection(*caddy.address, timeout=10)
    connection.request("GET", "/", headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def names_at_engine(application: Application) -> list[str]:
    label = f"label=berth.application={application.pk}"
    command = ["docker", "ps", "-a", "--filter", label, "--format", "{{.Names}}"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return [name for name in names if name in set(Container.objects.values_list("name", flat=True))]


@pytest.fixture
def shop(acme, settle, caddy) -> Application:
    application = make_application(acme, GREETING="hello")
    operation = settle(latest_operation(application))
    assert operation.state == State.SUCCEEDED, operation.error_message
    application.refresh_from_db()
    return application


@pytest.fixture(autouse=True)
def _seen_engine(db):
    mark_seen(local_node())


def test_an_image_becomes_a_running_application_at_its_address(shop, caddy):
    assert queries.row_of(shop).status.word == Word.RUNNING
    assert visit(caddy, "shop--acme.localhost") == (200, "version 1\n")
    assert shop.release.number == 1


def test_the_steps_are_kept_with_their_durations(shop):
    steps = latest_operation(shop).steps
    assert [step["name"] for step in steps] == ["resolve", "pull", "create", "start", "route", "verify"]
    assert all(step["state"] == "done" and step["started"] <= step["finished"] for step in steps)


def test_a_redeploy_makes_the_next_release_and_removes_the_container_before(shop, settle, caddy):
    settle(services.configure_application(shop, make_spec("berth.internal/httpd:2"), actor=SYSTEM))
    shop.refresh_from_db()
    assert shop.release.number == 2
    assert visit(caddy, "shop--acme.localhost") == (200, "version 2\n")
    assert len(names_at_engine(shop)) == shop.containers.count() == 1


def test_variables_reach_the_container_and_are_encrypted_at_rest(shop, django_db_blocker):
    name = shop.containers.get().name
    shown = subprocess.run(["docker", "exec", name, "env"], check=True, capture_output=True, text=True).stdout
    assert "GREETING=hello" in shown
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM containers_variable")
        assert "hello" not in cursor.fetchone()[0]
        cursor.execute("SELECT variables_data FROM containers_release")
        assert "hello" not in cursor.fetchone()[0]


def test_stop_and_start_keep_the_release(shop, settle, caddy):
    settle(services.stop_application(shop, actor=SYSTEM))
    assert queries.row_of(shop).status.word == Word.STOPPED
    assert visit(caddy, "shop--acme.localhost")[0] == 503
    settle(services.start_application(shop, actor=SYSTEM))
    assert queries.row_of(shop).status.word == Word.RUNNING
    assert visit(caddy, "shop--acme.localhost") == (200, "version 1\n")


def test_restart_gives_a_new_process_in_the_same_container(shop, settle):
    before = shop.containers.get()
    operation = settle(services.restart_application(shop, actor=SYSTEM))
    assert operation.state == State.SUCCEEDED, operation.error_message
    after = shop.containers.get()
    assert after.engine_id == before.engine_id
    assert after.started_at > before.started_at


def test_kill_ends_it_at_once_and_takes_the_route_away(shop, settle, caddy):
    settle(services.kill_application(shop, actor=SYSTEM))
    row = queries.row_of(shop)
    assert (row.status.word, row.status.detail) == (Word.STOPPED, "exit 137")
    assert visit(caddy, "shop--acme.localhost")[0] == 503


def test_start_makes_a_container_again_that_was_removed_outside(shop, settle, caddy):
    services.stop_application(shop, actor=SYSTEM)
    settle(latest_operation(shop))
    subprocess.run(["docker", "rm", "-f", shop.containers.get().name], check=True, capture_output=True)
    operation = settle(services.start_application(shop, actor=SYSTEM))
    assert operation.state == State.SUCCEEDED, operation.error_message
    assert visit(caddy, "shop--acme.localhost")[0] == 200


def test_delete_leaves_nothing_behind(shop, settle, caddy):
    network = shop.network.name
    operation = settle(services.delete_application(shop, confirmed_name="shop", actor=SYSTEM))
    assert operation.state == State.SUCCEEDED, operation.error_message
    assert names_at_engine(shop) == []
    assert network not in subprocess.run(["docker", "network", "ls"], check=True, capture_output=True, text=True).stdout
    assert not any(model.objects.exists() for model in (Application, Container, Network, Domain))
    assert visit(caddy, "shop--acme.localhost")[0] == 404


def test_a_volume_of_the_image_keeps_its_data_across_releases_and_goes_with_the_application(acme, settle, caddy):
    shop = make_application(acme, spec=make_spec("berth.internal/volume:1"))
    settle(latest_operation(shop))
    subprocess.run(["docker", "exec", shop.containers.get().name, "sh", "-c", "echo kept > /data/f"], check=True)
    operation = settle(services.deploy_application(shop, actor=SYSTEM))
    assert operation.state == State.SUCCEEDED, operation.error_message
    name = shop.containers.get().name
    assert subprocess.check_output(["docker", "exec", name, "cat", "/data/f"]) == b"kept\n"
    volume = Volume.objects.get().name
    shop.refresh_from_db()
    settle(services.delete_application(shop, confirmed_name="shop", actor=SYSTEM))
    assert volume not in subprocess.run(["docker", "volume", "ls"], check=True, capture_output=True, text=True).stdout


def test_an_address_is_given_up_when_a_release_without_a_port_serves_and_not_before(shop, settle, caddy):
    bad = make_spec("berth.internal/exits:1", port=None)
    fails_with(settle(services.configure_application(shop, bad, actor=SYSTEM)), "exited-at-once")
    assert visit(caddy, "shop--acme.localhost") == (200, "version 1\n")
    good = make_spec("berth.internal/silent:1", port=None)
    operation = settle(services.configure_application(shop, good, actor=SYSTEM))
    assert operation.state == State.SUCCEEDED, operation.error_message
    assert visit(caddy, "shop--acme.localhost")[0] == 404
    assert not Domain.objects.exists()


def test_without_a_port_there_is_no_address_and_nothing_to_verify(acme, settle):
    job = make_application(acme, "job", make_spec("berth.internal/silent:1", port=None))
    operation = settle(latest_operation(job))
    assert operation.state == State.SUCCEEDED, operation.error_message
    assert {step["name"]: step["state"] for step in operation.steps}["route"] == "skipped"
    assert queries.row_of(job).url == ""
    assert not Domain.objects.exists()


def fails_with(operation, code: str) -> str:
    assert (operation.state, operation.error_code) == (State.FAILED, code), operation.error_message
    assert Event.objects.filter(operation_id=operation.pk, result=Result.FAILED).count() == 1
    return operation.error_message


def test_a_command_that_exits_at_once_fails_and_the_release_before_goes_on_serving(shop, settle, caddy):
    before = names_at_engine(shop)
    operation = settle(services.configure_application(shop, make_spec("berth.internal/exits:1"), actor=SYSTEM))
    message = fails_with(operation, "exited-at-once")
    assert "before it answered on port 8080 (exit code 3)" in message
    assert "cannot go on" in message
    shop.refresh_from_db()
    assert shop.release.number == 1
    assert names_at_engine(shop) == before
    assert visit(caddy, "shop--acme.localhost") == (200, "version 1\n")


def test_a_command_that_exits_at_once_without_a_port_fails_too(acme, settle):
    job = make_application(acme, "job", make_spec("berth.internal/exits:1", port=None))
    assert "exit code 3" in fails_with(settle(latest_operation(job)), "exited-at-once")
    assert names_at_engine(job) == []


def test_a_port_nobody_listens_on_fails_and_the_release_before_goes_on_serving(shop, settle, caddy, monkeypatch):
    monkeypatch.setattr("apps.containers.rollout.READY_TIMEOUT_S", 2)
    spec = make_spec("berth.internal/silent:1", port=9999)
    message = fails_with(settle(services.configure_application(shop, spec, actor=SYSTEM)), "port-silent")
    assert "9999" in message
    assert visit(caddy, "shop--acme.localhost") == (200, "version 1\n")


def test_a_volume_application_that_fails_gets_its_old_container_back(acme, settle, caddy):
    shop = make_application(acme, spec=make_spec("berth.internal/volume:1"))
    settle(latest_operation(shop))
    spec = make_spec("berth.internal/volume:1", command=("sh", "-c", "exit 7"))
    fails_with(settle(services.configure_application(shop, spec, actor=SYSTEM)), "exited-at-once")
    assert queries.row_of(shop).status.word == Word.RUNNING
    assert visit(caddy, "shop--acme.localhost") == (200, "version 1\n")


def test_an_image_that_this_installation_does_not_have_is_said_so(acme, settle):
    shop = make_application(acme, spec=make_spec("berth.internal/nothing:1"))
    assert "nothing:1" in fails_with(settle(latest_operation(shop)), "image-not-found")


def test_the_same_message_delivered_five_times_has_one_effect(acme, settle, caddy):
    shop = make_application(acme)
    for _ in range(5):
        work()
    assert latest_operation(shop).state == State.SUCCEEDED
    assert len(names_at_engine(shop)) == 1
    assert shop.releases.count() == 1


def test_a_range_that_the_host_uses_already_is_passed_over(acme, settle, caddy):
    shop = make_application(acme)
    command = ["docker", "network", "create", "--subnet", shop.network.subnet, "h0-taken"]
    subprocess.run(command, check=False, capture_output=True)  # refused where something has the range: as good
    try:
        operation = settle(latest_operation(shop))
        assert operation.state == State.SUCCEEDED, operation.error_message
        before = shop.network.subnet
        shop.network.refresh_from_db()
        assert shop.network.subnet != before
    finally:
        subprocess.run(["docker", "network", "rm", "h0-taken"], check=False, capture_output=True)
