"""What happens to containers outside the panel comes to the rows, and takes routes with it."""

import subprocess
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.containers import queries
from apps.containers.models import Application, Container
from apps.containers.status import Word
from apps.engine.client import Engine
from apps.engine.types import ContainerState
from apps.networking import routes
from apps.networking.models import Domain
from apps.nodes.models import Node
from apps.nodes.services import installation, local_node, mark_seen
from apps.watcher.compare import note_reachability, resync
from tests.factories import latest_operation, make_application, make_spec
from tests.support.processes import WATCHER, eventually, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine", "images")]


@pytest.fixture
def shop(acme, settle) -> Application:
    """Running, without an address to verify: the proxy is not what these tests are about."""
    mark_seen(local_node())
    application = make_application(acme, spec=make_spec("berth.internal/httpd:1", port=None))
    settle(latest_operation(application))
    application.refresh_from_db()
    return application


@pytest.fixture
def watched(shop: Application) -> Iterator[Application]:
    """The same under a real watcher that has begun to listen."""
    Node.objects.update(seen_at=None)
    with running(*WATCHER, PANEL_RESYNC_S="3600"):
        eventually(lambda: Node.objects.get().seen_at, within_s=20)
        yield shop


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True)


def status(application: Application) -> tuple[Word, str]:
    found = queries.row_of(application).status
    return found.word, found.detail


def test_a_kill_outside_is_a_crash_with_its_exit_code(watched):
    docker("kill", watched.containers.get().name)
    eventually(lambda: status(watched) == (Word.CRASHED, "exit 137"), within_s=5)


def test_a_stop_outside_is_a_stop(watched):
    docker("stop", "-t", "1", watched.containers.get().name)
    eventually(lambda: status(watched) == (Word.STOPPED, "exit 0"), within_s=5)


def test_a_start_outside_is_seen_too(watched):
    name = watched.containers.get().name
    docker("kill", name)
    docker("start", name)
    eventually(lambda: status(watched)[0] == Word.RUNNING and not Container.objects.get().was_stopped, within_s=5)


def test_a_removal_outside_is_said_so(watched):
    docker("rm", "-f", watched.containers.get().name)
    eventually(lambda: status(watched) == (Word.CRASHED, "its container was removed outside the panel"), within_s=5)


def test_running_out_of_memory_is_named(acme, settle, watched):
    """The engine restarts it at once and forgets why; the row does not."""
    command = ("sh", "-c", "sleep 2; x=xxxxxxxx; while :; do x=$x$x; done")
    hog = make_application(acme, "hog", make_spec("berth.internal/httpd:1", port=None, command=command))
    settle(latest_operation(hog))
    eventually(lambda: "exit 137, out of memory" in status(hog)[1], within_s=40)
    eventually(lambda: status(hog) == (Word.RUNNING, "restarted after exit 137, out of memory"), within_s=40)


def test_a_crash_loop_is_shown_as_crashed_with_its_exit_code(acme, settle, watched):
    command = ("sh", "-c", "sleep 2; exit 3")
    loop = make_application(acme, "loop", make_spec("berth.internal/httpd:1", port=None, command=command))
    settle(latest_operation(loop))
    eventually(lambda: status(loop) == (Word.CRASHED, "exit 3, restarting"), within_s=60)


def test_resync_finds_what_no_event_told(shop, engine: Engine):
    docker("kill", shop.containers.get().name)
    resync(engine, local_node())
    assert status(shop) == (Word.CRASHED, "exit 137")


def test_resync_writes_nothing_when_nothing_changed(shop, engine: Engine):
    node = local_node()
    installation()
    with CaptureQueriesContext(connection) as made:
        resync(engine, node)
    assert all(query["sql"].startswith("SELECT") for query in made.captured_queries)


def test_resync_brings_lost_routes_back_and_removes_wrong_ones(acme, engine: Engine, tmp_path, settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"data_dir": tmp_path})
    Domain.objects.create(tenant=acme, host="shop--acme.localhost", upstream="10.204.0.2:80")
    routes.publish("gone--acme.localhost", "10.204.0.9:80")
    resync(engine, local_node())
    assert routes.published() == {"shop--acme.localhost": ("10.204.0.2:80",)}


def test_a_route_goes_as_soon_as_the_container_stops_and_comes_back_with_it(shop, engine: Engine, acme):
    shop.domain = Domain.objects.create(tenant=acme, host="shop--acme.localhost")
    shop.save()
    release = shop.release
    release.spec_data |= {"port": 8080}
    release.save()
    container = shop.containers.get()
    docker("kill", container.name)
    resync(engine, local_node())
    assert Domain.objects.get().upstream == ""
    docker("start", container.name)
    resync(engine, local_node())
    assert Domain.objects.get().upstream == f"{container.address}:8080"


def test_an_engine_that_does_not_answer_leaves_the_last_known_state_with_its_age(shop):
    seen_at = local_node().seen_at
    note_reachability(local_node(), "The engine cannot be reached.")
    found = queries.row_of(shop).status
    assert (found.word, found.since) == (Word.UNKNOWN, seen_at)
    assert found.detail == "the engine does not answer; running when last seen"
    assert shop.containers.get().state == ContainerState.RUNNING
    note_reachability(local_node())
    assert status(shop)[0] == Word.RUNNING


def test_containers_of_another_installation_are_left_alone(engine: Engine, test_images):
    docker(
        "run", "-d", "--name", "h0-foreign", "--label", "berth.installation=other", test_images["berth-test/silent:1"]
    )
    try:
        assert engine.containers(installation().label) == []
        resync(engine, local_node())
        assert engine.container("h0-foreign").state == ContainerState.RUNNING
    finally:
        docker("rm", "-f", "h0-foreign")
