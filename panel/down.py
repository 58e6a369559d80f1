"""`make down [YES=1]`: says what it would stop, asks, then stops the panel, Caddy and an engine that `make up` started.

It needs neither the database nor the key: what Caddy serves is files, what the engine runs the engine says.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pydantic import ValidationError

from panel import preparation
from panel.env import Environment, explain
from panel.supervisor import Program, running_pid
from panel.up import caddy_program

STOP_TIMEOUT_S = 60


def main() -> None:
    try:
        environment = Environment()
    except ValidationError as error:
        sys.exit(explain(error))
    outliving = [p for p in (caddy_program(environment), preparation.engine_program(environment)) if running_pid(p)]
    supervisor = preparation.lock_holder(environment)
    if supervisor:
        _print("Stops the panel: web, worker, watcher and its Redis.")
    for program in outliving:
        _print(*CONSEQUENCES[program.name](environment))
    if not supervisor and not outliving:
        _print("Nothing runs that `make up` started.")
    elif "--yes" in sys.argv or input("Stop all this? [y/N] ").strip().lower() in {"y", "yes"}:
        if supervisor:
            _stop_pid("the panel", supervisor)
        for program in outliving:
            _stop(program)


def _without_caddy(environment: Environment) -> list[str]:
    folders = (environment.data_dir / "routes").glob("*")
    hosts = sorted(folder.name for folder in folders if folder.is_dir() and any(folder.iterdir()))
    sentence = "Stops Caddy, and with it these addresses:" if hosts else "Stops Caddy, which serves nothing now."
    return [sentence, *_indented(hosts)]


def _without_engine(environment: Environment) -> list[str]:
    """Names all that the engine runs, ours or not: it stops with the engine."""
    containers: list[str] = []
    if preparation.engine_answers(environment.engine_url):
        command = ["docker", "--host", environment.engine_url, "ps", "--format", "{{.Names}} ({{.Image}})"]
        containers = sorted(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
    sentence = (
        "Stops the Docker Engine, and with it these containers:"
        if containers
        else "Stops the Docker Engine, which runs nothing now."
    )
    return [sentence, *_indented(containers)]


CONSEQUENCES = {"caddy": _without_caddy, "dockerd": _without_engine}


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _stop(program: Program) -> None:
    if pid := running_pid(program):
        _stop_pid(program.name, pid)
    Path(program.pid_file).unlink(missing_ok=True)


def _stop_pid(name: str, pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _exists(pid):
        if time.monotonic() > deadline:
            sys.exit(f"{name} (pid {pid}) has not stopped within {STOP_TIMEOUT_S} s.")
        time.sleep(0.1)
    _print(f"Stopped {name}")


def _exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
