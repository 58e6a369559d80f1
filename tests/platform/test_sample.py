"""The sample application that is one click away."""

import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from panel import preparation
from panel.env import Environment
from tests.support.processes import eventually

pytestmark = pytest.mark.django_db  # making it also registers it


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def container() -> Iterator[str]:
    preparation.ensure_sample(Environment())
    container = docker("run", "--detach", "--cap-drop=ALL", "--read-only", preparation.SAMPLE_IMAGE)
    yield container
    docker("rm", "--force", container)


def test_it_shows_a_page_and_its_log_is_alive(container):
    address = docker("inspect", "--format={{.NetworkSettings.IPAddress}}", container)
    eventually(lambda: "listening on port 8080 as user 1000" in docker("logs", container), within_s=10)

    with urllib.request.urlopen(f"http://{address}:8080/") as page:
        assert "It runs" in page.read().decode()

    eventually(lambda: "response:200" in docker("logs", container), within_s=10)
    eventually(lambda: "Heartbeat 1" in docker("logs", container), within_s=20)


def test_it_stops_of_its_own_accord(container):
    eventually(lambda: "listening" in docker("logs", container), within_s=10)

    docker("stop", container)

    assert docker("inspect", "--format={{.State.ExitCode}}", container) == "0"


def test_an_image_is_built_once():
    preparation.ensure_sample(Environment())
    before = docker("image", "inspect", "--format={{.Id}}", preparation.SAMPLE_IMAGE)
    preparation.ensure_sample(Environment())

    assert docker("image", "inspect", "--format={{.Id}}", preparation.SAMPLE_IMAGE) == before
