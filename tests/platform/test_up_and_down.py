"""`make up` and `make down` for real: every program, on a data folder of their own."""

import os
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from panel.env import BASE_DIR
from panel.supervisor import answers
from tests.support.process_tree import descendants, is_running
from tests.support.processes import eventually
from tests.support.system import System, running_system, started


def caddy_of(system: System) -> int:
    return int((system.data_dir / "run" / "caddy.pid").read_text())


def down(system: System, *arguments: str, answer: str = "") -> str:
    command = [sys.executable, "-m", "panel.down", *arguments]
    return subprocess.run(
        command, env=system.environment, cwd=BASE_DIR, input=answer, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running_system() as system:
        yield system


def test_it_serves_and_prints_a_set_up_link_at_the_first_run(system):
    assert system.setup_link.startswith(system.base_url)
    with urllib.request.urlopen(system.setup_link) as page:
        assert page.status == 200


def test_nothing_of_it_is_readable_by_others(system):
    for path in ("berth.sqlite3", "secret.key", "run", "run/caddy-admin.sock"):
        assert not stat.S_IMODE((system.data_dir / path).stat().st_mode) & 0o077, path


def test_it_listens_on_this_machine_only(system):
    sockets = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    pids = {caddy_of(system), *descendants(system.process.pid)}
    ours = [line.split()[3] for line in sockets if any(f"pid={pid}," in line for pid in pids)]

    assert sorted(ours) == sorted(f"127.0.0.1:{port}" for port in (system.base_url.rsplit(":")[-1], system.apps_port))


def test_a_second_one_on_the_same_data_folder_is_refused(system):
    with pytest.raises(RuntimeError, match="Berth already runs on"), started(system.environment):
        pass


def test_down_names_what_it_would_stop_and_does_nothing_without_a_yes(system):
    route = system.data_dir / "routes" / "shop--acme.localhost"
    route.mkdir()
    (route / "10.0.0.1:80").touch()

    said = down(system, answer="n\n")

    (route / "10.0.0.1:80").unlink()
    route.rmdir()
    assert "Stops the panel" in said
    assert "Stops Caddy, and with it these addresses:\n  shop--acme.localhost" in said
    assert is_running(system.process.pid)
    assert is_running(caddy_of(system))


def test_ctrl_c_stops_berth_and_leaves_caddy_to_the_applications():
    with running_system() as system:
        children = set(descendants(system.process.pid)) - {caddy_of(system)}

        system.process.send_signal(signal.SIGINT)
        system.process.wait(timeout=30)

        assert len(children) >= 4
        assert not any(map(is_running, children))
        assert is_running(caddy_of(system))
        assert answers(str(system.apps_port))

        caddy = caddy_of(system)
        with started(system.environment):
            assert caddy_of(system) == caddy

        assert "Stopped caddy" in down(system, "--yes")
        assert not is_running(caddy)


def test_no_process_of_berth_outlives_a_killed_supervisor():
    with running_system() as system:
        children = set(descendants(system.process.pid)) - {caddy_of(system)}

        os.kill(system.process.pid, signal.SIGKILL)

        eventually(lambda: not any(map(is_running, children)), within_s=10)


def test_wrong_settings_are_named():
    environment = {**os.environ, "PANEL_BASE_URL": "panel.example", "PANEL_WORKER_SLOTS": "many"}

    with pytest.raises(RuntimeError, match=r"PANEL_BASE_URL: .*\n.*PANEL_WORKER_SLOTS: "), started(environment):
        pass
