"""A suspended tenant: everything of it stops and nothing is lost; resumed, exactly what ran runs again."""

import subprocess
from datetime import timedelta

import httpx
import pytest
from django.db.models import F

from apps.accounts.http import actor_of
from apps.audit.actor import SYSTEM
from apps.audit.models import Event
from apps.containers import queries, services
from apps.containers.models import Application, Container
from apps.containers.status import Word
from apps.containers.tenancy import follow_up, resume_tenant, suspend_tenant
from apps.core.errors import InvalidInput
from apps.engine.client import Engine
from apps.engine.types import ContainerState
from apps.networking.models import Domain
from apps.nodes.models import Node
from apps.nodes.services import local_node, mark_seen
from apps.operations.models import Kind, Operation, State
from apps.quotas.models import Reservation
from apps.tenants.models import Tenant
from apps.watcher.compare import resync
from tests.factories import latest_operation, make_application, make_spec
from tests.support.processes import WATCHER, WORKER, eventually, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine", "images")]

QUICK = {"PANEL_LEASE_S": "3", "PANEL_RESYNC_S": "5"}


@pytest.fixture
def shop(acme: Tenant, caddy, settle) -> Application:
    """Serving its visitors."""
    mark_seen(local_node())
    application = make_application(acme)
    assert settle(latest_operation(application)).state == State.SUCCEEDED
    return fresh(application)


@pytest.fixture
def quiet(acme: Tenant, settle) -> Application:
    """Running, and stopped by its people."""
    application = make_application(acme, "quiet", make_spec(port=None))
    settle(latest_operation(application))
    settle(services.stop_application(application, actor=SYSTEM))
    return fresh(application)


def fresh(application: Application) -> Application:
    return Application.objects.select_related("tenant", "domain").get(pk=application.pk)


def suspend(tenant: Tenant) -> None:
    suspend_tenant(tenant, reason="Unpaid since May", actor=SYSTEM)


def resume(tenant: Tenant) -> None:
    resume_tenant(tenant, actor=SYSTEM)


def at_engine(application: Application) -> str:
    name = application.containers.get().name
    command = ["docker", "inspect", "-f", "{{.State.Status}}", name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def visit(proxy, application: Application) -> int:
    url = f"http://127.0.0.1:{proxy.environment.apps_port}/"
    return httpx.get(url, headers={"Host": application.domain.host}, trust_env=False).status_code


def backdate_failures() -> None:
    Operation.objects.filter(state=State.FAILED).update(finished_at=F("finished_at") - timedelta(minutes=1))


def word(application: Application) -> Word:
    return queries.row_of(application).status.word


def test_what_ran_stops_and_runs_again_and_what_was_stopped_stays_stopped(shop, quiet, acme, caddy, settle):
    assert visit(caddy, shop) == 200
    suspend(acme)
    assert visit(caddy, shop) == 503, "the route goes at once, before anything has stopped"
    settle(latest_operation(shop))
    assert at_engine(shop) == "exited"
    assert word(shop) == word(quiet) == Word.SUSPENDED

    resume(acme)
    assert settle(latest_operation(shop)).state == State.SUCCEEDED
    assert (at_engine(shop), at_engine(quiet)) == ("running", "exited")
    assert visit(caddy, shop) == 200
    assert (word(shop), word(quiet)) == (Word.RUNNING, Word.STOPPED)
    assert not Application.objects.filter(is_held=True).exists()


def test_only_what_runs_gets_an_operation_and_it_is_the_operators_with_no_members_right(shop, quiet, acme, oscar):
    suspend_tenant(acme, reason="Unpaid", actor=actor_of(oscar, "192.0.2.1", "r"))
    operation = Operation.objects.get(kind=Kind.SUSPEND)
    assert (operation.target, operation.permission, operation.actor.label) == (shop.topic, "", "oscar@example.com")
    event = Event.objects.get(action="tenant.suspend")
    assert (event.tenant_id, event.actor_label, event.data["message"]) == (acme.pk, "oscar@example.com", "Unpaid")


def test_suspending_and_resuming_twice_is_doing_it_once(shop, acme, settle):
    suspend(acme)
    suspend_tenant(acme, reason="Another reason", actor=SYSTEM)
    settle(latest_operation(shop))
    acme.refresh_from_db()
    assert acme.suspension_reason == "Unpaid since May"
    assert Operation.objects.filter(kind=Kind.SUSPEND).count() == 1
    resume(acme)
    resume(acme)
    settle(latest_operation(shop))
    assert Operation.objects.filter(kind=Kind.RESUME).count() == 1
    assert list(
        Event.objects.filter(action__in=("tenant.suspend", "tenant.resume")).values_list("action", flat=True)
    ) == [
        "tenant.resume",
        "tenant.suspend",
    ]


def test_what_is_to_start_again_keeps_its_place_in_the_quota(shop, quiet, acme, settle):
    before = list(Reservation.objects.order_by("pk").values_list("holder", "resource", "amount"))
    suspend(acme)
    settle(latest_operation(shop))
    resume(acme)
    settle(latest_operation(shop))
    assert list(Reservation.objects.order_by("pk").values_list("holder", "resource", "amount")) == before


def test_a_reason_is_asked_for(acme):
    with pytest.raises(InvalidInput, match="Say why"):
        suspend_tenant(acme, reason="  ", actor=SYSTEM)


def test_resumed_before_anything_stopped_it_just_goes_on_serving(shop, acme, caddy, settle):
    started_at = shop.containers.get().started_at
    suspend(acme)
    resume(acme)
    assert visit(caddy, shop) == 200
    settle(latest_operation(shop))
    assert shop.containers.get().started_at == started_at


def test_what_waited_for_a_worker_gives_way_and_a_stop_that_waited_holds_after_the_suspension(shop, acme, dora, settle):
    stop = services.stop_application(shop, actor=actor_of(dora, "192.0.2.1", "r"))
    suspend(acme)
    settle(latest_operation(shop))
    stop.refresh_from_db()
    assert (stop.state, at_engine(shop)) == (State.CANCELLED, "exited")
    resume(acme)
    settle(latest_operation(shop))
    assert at_engine(shop) == "exited", "its people had asked to stop it"


def test_what_a_member_wishes_at_that_moment_is_refused_and_the_suspension_still_comes(
    shop, acme, dora, settle, engine: Engine
):
    """Their page was opened, and passed its door, just before."""
    suspend(acme)
    settle(latest_operation(shop))
    start = services.start_application(shop, actor=actor_of(dora, "192.0.2.1", "r"))
    assert settle(start).error_code == "forbidden"
    assert at_engine(shop) == "exited"


def test_a_deploy_that_runs_is_cancelled_and_the_release_before_comes_back_with_the_tenant(shop, acme, settle):
    services.configure_application(shop, make_spec("berth.internal/silent:1", port=9000), actor=SYSTEM)
    with running(*WATCHER, **QUICK), running(*WORKER, **QUICK):
        eventually(lambda: any(step["name"] == "route" for step in latest_operation(shop).steps), within_s=20)
        suspend(acme)
        eventually(lambda: not latest_operation(shop).is_open, within_s=30)
        assert at_engine(shop) == "exited"
        resume(acme)
        eventually(lambda: not latest_operation(shop).is_open, within_s=30)
    assert latest_operation(shop).state == State.SUCCEEDED
    assert (fresh(shop).release.number, at_engine(shop)) == (1, "running")
    assert list(shop.releases.values_list("operation__state", flat=True)) == [State.CANCELLED, State.SUCCEEDED]


def test_started_outside_the_panel_it_is_not_routed_and_is_stopped_again(shop, acme, caddy, settle, engine: Engine):
    suspend(acme)
    settle(latest_operation(shop))
    subprocess.run(["docker", "start", shop.containers.get().name], check=True, capture_output=True)
    resync(engine, local_node())
    assert visit(caddy, shop) == 503
    assert word(shop) == Word.SUSPENDED
    follow_up(local_node())
    settle(latest_operation(shop))
    assert at_engine(shop) == "exited"


def test_with_the_engine_away_it_follows_when_it_is_back(shop, acme, caddy, settle, engine: Engine, tmp_path):
    url = local_node().url
    Node.objects.update(url=f"unix://{tmp_path}/nobody.sock")
    suspend(acme)
    assert settle(latest_operation(shop)).error_code == "engine-unreachable"
    assert visit(caddy, shop) == 503
    Node.objects.update(url=url)
    backdate_failures()
    follow_up(local_node())
    settle(latest_operation(shop))
    assert at_engine(shop) == "exited"

    Node.objects.update(url=f"unix://{tmp_path}/nobody.sock")
    resume(acme)
    assert settle(latest_operation(shop)).error_code == "engine-unreachable"
    Node.objects.update(url=url)
    backdate_failures()
    follow_up(local_node())
    assert settle(latest_operation(shop)).state == State.SUCCEEDED
    assert at_engine(shop) == "running"


def test_what_fails_again_and_again_is_tried_ever_more_seldom(shop, acme, settle, tmp_path):
    Node.objects.update(url=f"unix://{tmp_path}/nobody.sock")
    suspend(acme)
    for _ in range(5):
        settle(latest_operation(shop))
        follow_up(Node.objects.get())
    assert Operation.objects.filter(kind=Kind.SUSPEND).count() == 1


def test_one_that_cannot_start_again_is_tried_once_and_says_why(shop, acme, settle):
    suspend(acme)
    settle(latest_operation(shop))
    release = fresh(shop).release
    release.image.run_reference = "sha256:" + "0" * 64
    release.image.save()
    resume(acme)
    assert settle(latest_operation(shop)).error_code == "image-not-found"
    follow_up(local_node())
    assert Operation.objects.filter(kind=Kind.RESUME).count() == 1
    assert Event.objects.filter(action="application.resume", result="failed").count() == 1


@pytest.mark.parametrize("kind", [Kind.SUSPEND, Kind.RESUME])
def test_a_worker_killed_in_the_middle_changes_nothing_about_the_end(shop, acme, settle, kind):
    calls = {Kind.SUSPEND: "stop_container", Kind.RESUME: "start_container"}
    suspend(acme)
    if kind == Kind.RESUME:
        settle(latest_operation(shop))
        resume(acme)
    with running(*WATCHER, **QUICK):
        with running("-m", "tests.support.killed_worker", calls[kind], **QUICK) as worker:
            worker.wait(20)
        assert latest_operation(shop).state == State.RUNNING
        with running(*WORKER, **QUICK):
            eventually(lambda: not latest_operation(shop).is_open, within_s=20)
    assert latest_operation(shop).state == State.SUCCEEDED
    assert at_engine(shop) == {Kind.SUSPEND: "exited", Kind.RESUME: "running"}[kind]
    assert Container.objects.get().state == (ContainerState.EXITED if kind == Kind.SUSPEND else ContainerState.RUNNING)
    assert bool(Domain.objects.get().upstream) is (kind == Kind.RESUME)
