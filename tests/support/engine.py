"""The local Docker Engine of the tests: started for them where none runs, and rid of what an installation left."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from panel import preparation
from panel.env import Environment
from panel.supervisor import running_pid, wait_for_exit


@contextmanager
def local_engine() -> Iterator[None]:
    """Within it an engine answers; one that had to be started is stopped again."""
    with tempfile.TemporaryDirectory(prefix="berth-engine-") as folder:
        environment = Environment(data_dir=Path(folder), engine_url=preparation.LOCAL_ENGINE)
        os.close(preparation.lock_data_folder(environment))
        preparation.ensure_engine(environment)
        try:
            yield
        finally:
            if pid := running_pid(preparation.engine_program(environment)):
                os.kill(pid, signal.SIGTERM)
                wait_for_exit(pid)


def remove_objects(installation_id: str) -> None:
    """Removes every container, network and volume with the label of an installation (of a test, that is over)."""
    label = ["--filter", f"label=berth.installation={installation_id}"]
    for listing, removal in (
        (["ps", "-aq"], ["rm", "-fv"]),
        (["network", "ls", "-q"], ["network", "rm"]),
        (["volume", "ls", "-q"], ["volume", "rm"]),
    ):
        if found := _docker(*listing, *label).split():
            _docker(*removal, *found)


def _docker(*arguments: str) -> str:
    command = ["docker", "--host", preparation.LOCAL_ENGINE, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
