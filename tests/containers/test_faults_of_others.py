"""A full disk, an engine that is away, a registry that refuses: expected states, each with its own words."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from apps.audit.actor import SYSTEM
from apps.containers.models import Application
from apps.engine.client import Engine
from apps.engine.errors import EngineError
from apps.nodes.models import Node
from apps.nodes.services import check_node, local_node
from apps.operations.models import Kind, State
from tests.factories import latest_operation, make_application, make_spec
from tests.support.registry import run_registry

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine", "images")]


@pytest.fixture
def full_engine(tmp_path: Path) -> Iterator[str]:
    """The URL of a second engine, whose data lies on a disk of 12 MB (it borrows the bridge, and runs nothing)."""
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(data)], check=True)
    url = f"unix://{tmp_path}/docker.sock"
    options = ["--data-root", str(data), "--exec-root", str(tmp_path / "exec"), "--pidfile", str(tmp_path / "pid")]
    command = ["dockerd", "-H", url, *options, "--bridge=docker0", "--iptables=false", "--ip-masq=false"]
    with (tmp_path / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _await_engine(url)
        yield url
    finally:
        process.terminate()
        process.wait(20)
        subprocess.run(["umount", "-R", str(data)], check=True)


def _await_engine(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            return Engine(url).ping()
        except EngineError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def use_engine(url: str, settings: Settings, **more: object) -> None:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"engine_url": url, **more})
    local_node()


def failure_of(application: Application) -> tuple[str, str]:
    operation = latest_operation(application)
    assert operation.state == State.FAILED
    return operation.error_code, operation.error_message


def test_a_full_disk_is_said_so(acme, settle, full_engine, registry, settings):
    recipe = b"FROM berth-test/httpd:1\nRUN head -c 30000000 /dev/urandom > /big\n"
    command = ["docker", "build", "-q", "-t", "berth-test/fat:1", "-"]
    subprocess.run(command, input=recipe, check=True, capture_output=True)
    reference = registry.push("berth-test/fat:1", "fat:1")
    use_engine(full_engine, settings, allowed_registries=(registry.host,))
    shop = make_application(acme, spec=make_spec(reference))
    settle(latest_operation(shop))
    assert failure_of(shop) == ("out-of-disk", "The node's disk is full. The operator has to free space.")


def test_an_engine_that_is_away_fails_the_deploy_and_the_check_list_says_what_to_do(acme, settle, settings):
    use_engine("unix:///nowhere/docker.sock", settings)
    shop = make_application(acme)
    settle(latest_operation(shop))
    assert failure_of(shop)[0] == "engine-unreachable"
    operation = settle(check_node(local_node(), actor=SYSTEM))
    assert (operation.kind, operation.state) == (Kind.CHECK_NODE, State.FAILED)
    first, *rest = Node.objects.get().checklist
    assert first["state"] == "bad"
    assert "docker" in first["fix"]
    assert {line["state"] for line in rest} == {"pending"}


def test_the_check_list_is_filled_in_from_the_real_engine(settle):
    operation = settle(check_node(local_node(), actor=SYSTEM))
    assert operation.state == State.SUCCEEDED
    lines = {line["title"]: line for line in Node.objects.get().checklist}
    assert lines["Engine answers"]["state"] == "ok"
    assert lines["API version"]["found"].startswith("1.")
    assert "GiB free" in lines["Disk"]["found"]


def test_a_registry_that_needs_a_login_is_said_so(acme, settle, settings, tmp_path):
    with run_registry(tmp_path, auth={"htpasswd": {"realm": "x", "path": str(tmp_path / "htpasswd")}}) as private:
        (tmp_path / "htpasswd").touch()
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"allowed_registries": (private.host,)})
        shop = make_application(acme, spec=make_spec(f"{private.host}/shop/web:3"))
        settle(latest_operation(shop))
    code, message = failure_of(shop)
    assert code == "image-needs-login"
    assert "shop/web:3" in message


@pytest.mark.usefixtures("caddy")
def test_an_image_from_a_real_registry_runs_by_its_digest(acme, settle, settings, registry):
    reference = registry.push("berth-test/httpd:1", "shop/web:3")
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"allowed_registries": (registry.host,)})
    shop = make_application(acme, spec=make_spec(reference))
    operation = settle(latest_operation(shop))
    assert operation.state == State.SUCCEEDED, operation.error_message
    shop.refresh_from_db()
    assert shop.release.image.digest.startswith("sha256:")
    assert shop.release.image.run_reference == f"{registry.host}/shop/web@{shop.release.image.digest}"


def test_an_address_of_the_panel_s_own_network_is_no_registry_unless_allowed(acme, settle, registry):
    shop = make_application(acme, spec=make_spec(f"{registry.host}/shop/web:3"))
    settle(latest_operation(shop))
    assert failure_of(shop)[0] == "registry-not-allowed"
