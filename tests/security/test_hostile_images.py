"""An image is written by a stranger: its labels, paths and output must not reach further than its own container."""

import subprocess

import docker
import pytest

from apps.audit.actor import SYSTEM
from apps.containers import services
from apps.containers.models import Application
from apps.containers.rollout import _is_allowed_target
from apps.engine.client import Engine
from apps.engine.types import ContainerState
from apps.nodes.services import installation
from apps.operations.models import Operation, State
from apps.watcher.compare import apply_event
from panel.local_images import ensure_image
from panel.preparation import LOCAL_ENGINE
from tests.factories import latest_operation, make_application, make_spec, own_image

SLEEPS = 'CMD ["sleep", "1000"]\n'


def deploy(tenant, settle, image_id: str) -> tuple[Application, Operation]:
    application = make_application(tenant, "hostile", make_spec(own_image("hostile:1", image_id), port=None))
    return application, settle(latest_operation(application))


def build(tag: str, recipe: str) -> str:
    files = {"Dockerfile": f"FROM berth/base:1\n{recipe}".encode()}
    return ensure_image(f"berth-test/{tag}:1", files, engine_url=LOCAL_ENGINE)


def docker_says(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.mark.engine
def test_a_label_of_an_image_cannot_break_the_watcher_of_all_tenants(acme, settle, engine: Engine):
    """The engine copies a container's labels over an event's own attributes, `exitCode` among them."""
    application, operation = deploy(acme, settle, build("label", f'LABEL exitCode="not a number"\n{SLEEPS}'))
    assert operation.state == State.SUCCEEDED, operation.error_message
    container = application.containers.get()
    events = engine.events(installation().label)
    assert next(events) is None, "it listens"
    engine.kill_container(container.engine_id)
    for event in events:
        apply_event(engine, event)
        if event.action == "die":
            break
    container.refresh_from_db()
    assert container.state == ContainerState.EXITED


@pytest.mark.parametrize("path", ["//proc/self/fd/7", "//etc", "//dev/shm", "//", "/a/../proc", "relative"])
def test_no_spelling_is_a_way_around_the_forbidden_places(path):
    """POSIX keeps two leading slashes, and so does `normpath`; the engine does not."""
    assert not _is_allowed_target(path)


@pytest.mark.engine
def test_an_image_whose_working_directory_is_proc_is_refused_however_it_is_spelt(acme, settle, engine):
    # `docker build` would clean the path; a commit keeps it.
    api = docker.APIClient(base_url=LOCAL_ENGINE, version="1.41")
    made = api.create_container(build("plain", SLEEPS))["Id"]
    configuration = {"WorkingDir": "//proc/self", "Cmd": ["sleep", "1000"]}
    image = api.commit(made, repository="berth-test/workdir", tag="1", conf=configuration)["Id"]
    api.remove_container(made)
    _, operation = deploy(acme, settle, image)
    assert (operation.state, operation.error_code) == (State.FAILED, "image-workdir")


@pytest.mark.engine
def test_output_that_a_database_cannot_hold_is_made_fit(acme, settle, engine):
    """PostgreSQL takes no NUL in text."""
    image = build("nul", 'CMD ["sh", "-c", "printf \'a\\\\0b\\\\n\'; exit 3"]\n')
    _, operation = deploy(acme, settle, image)
    assert (operation.state, operation.error_code) == (State.FAILED, "exited-at-once")
    assert "\0" not in operation.error_message


@pytest.mark.engine
def test_a_volume_with_the_name_of_ours_that_is_somebody_elses_is_not_mounted(acme, settle, engine, images):
    """Names hold row ids, which come again after the restoring of an older backup."""
    shop = make_application(acme, spec=make_spec("berth.internal/volume:1", port=None))
    label = f"berth.installation={installation().label}"
    name = f"{installation().prefix}-a{shop.pk}-v1"
    docker_says("volume", "create", "--label", label, "--label", "berth.tenant=99", name)
    operation = settle(latest_operation(shop))
    assert (operation.state, operation.error_code) == (State.FAILED, "engine-conflict")


@pytest.mark.engine
def test_a_container_with_the_name_of_ours_that_is_somebody_elses_is_neither_started_nor_removed(
    acme, settle, engine, images
):
    shop = make_application(acme, spec=make_spec("berth.internal/silent:1", port=None))
    name = f"{installation().prefix}-a{shop.pk}-r1-web-1"
    label = f"berth.installation={installation().label}"
    theirs = docker_says("create", "--name", name, "--label", label, "berth/base:1", "sleep", "1000").strip()
    operation = settle(latest_operation(shop))
    assert (operation.state, operation.error_code) == (State.FAILED, "engine-conflict")
    settle(services.delete_application(shop, confirmed_name="shop", actor=SYSTEM))
    assert docker_says("inspect", "-f", "{{.Id}} {{.State.Status}}", name).split() == [theirs, "created"]
