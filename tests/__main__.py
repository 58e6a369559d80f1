"""`make test`: every test on SQLite, the browser's apart, and those that touch the database on PostgreSQL.

ARGS go to pytest. Much of the time is spent in waiting for engines and browsers, so two lanes run side by side: what
the second says is shown as each of its passes ends.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.engine import local_engine
from tests.support.images import ensure_images
from tests.support.services import private_environment

# The browser's driver keeps an event loop running in its process, which other tests could not live with.
SELECTIONS = {"SQLite": "not browser", "the browser": "browser", "PostgreSQL": "not browser"}
FIRST_LANE, SECOND_LANE = ("SQLite",), ("the browser", "PostgreSQL")


def main(arguments: list[str]) -> int:
    with local_engine():
        ensure_images()
        with ThreadPoolExecutor(1) as aside:
            second = aside.submit(lambda: [run(name, arguments, is_aside=True) for name in SECOND_LANE])
            results = [run(name, arguments) for name in FIRST_LANE]
            results += second.result()
    # A selection by ARGS may leave a pass without a test, but not all of them.
    ran = set(results) - {pytest.ExitCode.NO_TESTS_COLLECTED}
    return int(ran != {pytest.ExitCode.OK})


def run(name: str, arguments: list[str], *, is_aside: bool = False) -> int:
    """One pass, in an environment of its own; returns pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "-m", SELECTIONS[name], *arguments]
    heading = f"\n=== The tests on {name}\n"
    with private_environment(postgresql=name == "PostgreSQL") as environment:
        if not is_aside:
            sys.stdout.write(heading)
            sys.stdout.flush()
            return subprocess.run(command, env=environment, check=False).returncode
        said = subprocess.run(
            command, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        sys.stdout.write(heading + said.stdout)
        sys.stdout.flush()
        return said.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
