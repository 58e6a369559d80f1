"""The whole of Berth, started as `make up` starts it, on a data folder and ports of its own."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from panel.env import BASE_DIR
from tests.support.engine import remove_objects

START_TIMEOUT_S = 120


@dataclass
class System:
    """A running Berth. `output` grows while it runs; `setup_link` is empty unless this was its first run."""

    environment: dict[str, str]
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)
    serves: threading.Event = field(default_factory=threading.Event)
    setup_link: str = ""

    @property
    def base_url(self) -> str:
        return self.environment["PANEL_BASE_URL"]

    @property
    def apps_port(self) -> int:
        return int(self.environment["PANEL_APPS_PORT"])

    @property
    def data_dir(self) -> Path:
        return Path(self.environment["PANEL_DATA_DIR"])

    def manage(self, *arguments: str) -> str:
        """Runs a management command of this Berth; returns what it printed."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def follow(self) -> None:
        """Reads the terminal until it ends."""
        assert self.process.stdout
        for line in self.process.stdout:
            text = line.partition(" | ")[2].strip()
            self.output.append(line.rstrip())
            if text.startswith("http"):
                self.setup_link = text
            if text.startswith("Berth runs at"):
                self.serves.set()
        self.process.wait()
        self.serves.set()  # or never will


@contextmanager
def running_system(**settings: str) -> Iterator[System]:
    """Starts Berth (settings are `PANEL_*` variables), yields when it serves, and removes every trace of it after.

    Raises RuntimeError with the terminal's output if it does not come to serve. An engine must answer already.
    """
    with tempfile.TemporaryDirectory(prefix="berth-system-", ignore_cleanup_errors=True) as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PANEL_")},
            "PANEL_DATA_DIR": folder,
            "PANEL_BASE_URL": f"http://localhost:{free_port()}",
            "PANEL_APPS_PORT": str(free_port()),
            "PANEL_NETWORK_POOL": os.environ["PANEL_NETWORK_POOL"],
            **settings,
        }
        try:
            with started(environment) as system:
                yield system
        finally:
            down = [sys.executable, "-m", "panel.down", "--yes"]
            subprocess.run(down, env=environment, cwd=BASE_DIR, stdout=subprocess.DEVNULL, check=True)
            if installation := installation_id(Path(folder)):
                remove_objects(installation)


@contextmanager
def started(environment: dict[str, str]) -> Iterator[System]:
    """Runs `make up`'s program in an environment, and ends it as Ctrl-C does; what outlives it is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "panel.up"],
        env=environment,
        cwd=BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    system = System(environment, process)
    reader = threading.Thread(target=system.follow)
    reader.start()
    try:
        if not system.serves.wait(START_TIMEOUT_S) or process.poll() is not None:
            raise RuntimeError("Berth does not serve:\n" + "\n".join(system.output))
        yield system
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        reader.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def installation_id(data_dir: Path) -> str | None:
    """The id on the engine objects of the installation with this (SQLite) data folder, if it came to have one."""
    with closing(sqlite3.connect(data_dir / "berth.sqlite3")) as database:
        try:
            row = database.execute("SELECT id FROM nodes_installation").fetchone()
        except sqlite3.OperationalError:
            return None
    return uuid.UUID(row[0]).hex if row else None
