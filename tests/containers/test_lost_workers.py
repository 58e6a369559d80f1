"""Workers that die, queues that forget: an accepted operation has exactly one effect and one end."""

import subprocess
import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings
from redis import Redis

from apps.audit.actor import SYSTEM
from apps.containers import services
from apps.containers.models import Application, Container
from apps.operations.models import Operation, State
from apps.operations.services import cancel
from apps.tenants.models import Tenant
from apps.volumes.models import Volume
from tests.factories import latest_operation, make_application, make_spec
from tests.support.processes import WATCHER, WORKER, eventually, running
from tests.support.registry import Registry
from tests.support.throttle import slow_line

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine", "images", "caddy")]

QUICK = {"PANEL_LEASE_S": "3", "PANEL_RESYNC_S": "5"}
KILLED_AT = ("-m", "tests.support.killed_worker")


def containers_at_engine(application: Application) -> list[str]:
    label = f"label=berth.application={application.pk}"
    command = ["docker", "ps", "-a", "--filter", label, "--format", "{{.Names}} {{.State}}"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    ours = set(Container.objects.values_list("name", flat=True))
    return [line for line in lines if line.split()[0] in ours]


def is_settled(application: Application) -> bool:
    return not latest_operation(application).is_open


def assert_runs_once(application: Application) -> None:
    operation = latest_operation(application)
    assert operation.state == State.SUCCEEDED, operation.error_message
    assert [line.split()[1] for line in containers_at_engine(application)] == ["running"]
    assert application.containers.count() == 1


@pytest.fixture
def big_image(registry: Registry) -> Iterator[str]:
    """A reference whose pull takes about six seconds, from a registry behind a slow line."""
    tag = f"berth-test/big:{uuid.uuid4().hex[:8]}"
    recipe = "FROM berth-test/httpd:1\nRUN head -c 24000000 /dev/urandom > /big\n"
    # No cache: the layer of an earlier build would still be on the node, and nothing would have to be pulled.
    build = ["docker", "build", "--no-cache", "-q", "-t", tag, "-"]
    subprocess.run(build, input=recipe.encode(), check=True, capture_output=True)
    reference = registry.push(tag, tag)
    subprocess.run(["docker", "rmi", tag], check=True, capture_output=True)
    with slow_line(registry.host, 4_000_000) as host:
        yield reference.replace(registry.host, host)


def is_pulling(application: Application) -> bool:
    steps = latest_operation(application).steps
    return any(layer["current_bytes"] for step in steps for layer in step.get("layers", ()))


@pytest.mark.parametrize(
    ("lease", "within_s"), [pytest.param(QUICK, 30, id="short-lease"), pytest.param({}, 75, id="real-lease")]
)
def test_a_worker_killed_in_mid_pull_ends_in_one_running_container(acme: Tenant, big_image: str, lease, within_s):
    allowed = {"PANEL_ALLOWED_REGISTRIES": big_image.partition("/")[0]} | lease
    shop = make_application(acme, spec=make_spec(big_image))
    with running(*WATCHER, **allowed):
        with running(*WORKER, **allowed):
            eventually(lambda: is_pulling(shop), within_s=20)
        with running(*WORKER, **allowed):
            eventually(lambda: is_settled(shop), within_s=within_s)
    assert latest_operation(shop).attempt == 2
    assert_runs_once(shop)


@pytest.mark.parametrize("call", ["create_container", "start_container"])
def test_a_worker_killed_before_a_call_to_the_engine_ends_in_one_running_container(acme: Tenant, call: str):
    shop = make_application(acme)
    with running(*WATCHER, **QUICK):
        with running(*KILLED_AT, call, **QUICK) as worker:
            worker.wait(20)
        assert latest_operation(shop).state == State.RUNNING
        with running(*WORKER, **QUICK):
            eventually(lambda: is_settled(shop), within_s=20)
    assert_runs_once(shop)


def test_a_deploy_cancelled_after_its_worker_was_lost_leaves_nothing(acme: Tenant):
    shop = make_application(acme)
    with running(*WATCHER, **QUICK):
        with running(*KILLED_AT, "start_container", **QUICK) as worker:
            worker.wait(20)
        assert len(containers_at_engine(shop)) == 1
        cancel(latest_operation(shop), actor=SYSTEM)
        with running(*WORKER, **QUICK):
            eventually(lambda: is_settled(shop), within_s=20)
    assert latest_operation(shop).state == State.CANCELLED
    assert containers_at_engine(shop) == []
    assert not shop.containers.exists()


def test_a_volume_is_ours_also_when_the_worker_was_lost_before_it_was_made(acme: Tenant):
    shop = make_application(acme, spec=make_spec("berth.internal/volume:1"))
    with running(*WATCHER, **QUICK):
        with running(*KILLED_AT, "ensure_volume", **QUICK) as worker:
            worker.wait(20)
        with running(*WORKER, **QUICK):
            eventually(lambda: is_settled(shop), within_s=20)
    assert_runs_once(shop)
    command = ["docker", "volume", "inspect", "--format", "{{json .Labels}}", Volume.objects.get().name]
    assert f'"berth.application":"{shop.pk}"' in subprocess.check_output(command, text=True)


def test_a_worker_killed_when_the_route_has_moved_leaves_only_the_new_release(acme: Tenant, settle):
    shop = make_application(acme)
    settle(latest_operation(shop))
    shop.refresh_from_db()
    services.configure_application(shop, make_spec("berth.internal/httpd:2"), actor=SYSTEM)
    with running(*WATCHER, **QUICK):
        with running(*KILLED_AT, "remove_container", **QUICK) as worker:
            worker.wait(20)
        with running(*WORKER, **QUICK):
            eventually(lambda: is_settled(shop), within_s=20)
    assert_runs_once(shop)
    shop.refresh_from_db()
    assert shop.release.number == 2


def test_a_forgetful_redis_loses_no_accepted_operation(acme: Tenant):
    shop = make_application(acme)
    Redis.from_url(settings.ENVIRONMENT.redis).flushall()
    with running(*WATCHER, **QUICK), running(*WORKER, **QUICK):
        eventually(lambda: is_settled(shop), within_s=20)
    assert_runs_once(shop)


def test_a_pull_can_be_cancelled_and_leaves_nothing(acme: Tenant, big_image: str):
    allowed = {"PANEL_ALLOWED_REGISTRIES": big_image.partition("/")[0]} | QUICK
    shop = make_application(acme, spec=make_spec(big_image))
    with running(*WORKER, **allowed), running(*WATCHER, **allowed):
        eventually(lambda: is_pulling(shop), within_s=20)
        cancel(latest_operation(shop), actor=SYSTEM)
        eventually(lambda: is_settled(shop), within_s=10)
    assert latest_operation(shop).state == State.CANCELLED
    assert containers_at_engine(shop) == []
    assert not Operation.objects.filter(state=State.FAILED).exists()
