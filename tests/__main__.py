"""`make test`: every test on SQLite, the browser's apart, then the others on PostgreSQL. ARGS go to pytest."""

import subprocess
import sys

import pytest

from tests.support.engine import local_engine
from tests.support.images import ensure_images
from tests.support.services import private_environment

# The browser's driver keeps an event loop running in its process, which other tests could not live with.
PASSES = {"SQLite": "not browser", "the browser": "browser", "PostgreSQL": "not browser"}


def main(arguments: list[str]) -> int:
    results = {}
    with local_engine():
        ensure_images()
        for database, selection in PASSES.items():
            with private_environment(postgresql=database == "PostgreSQL") as environment:
                sys.stdout.write(f"\n=== The tests on {database}\n")
                sys.stdout.flush()
                command = [sys.executable, "-m", "pytest", "-m", selection, *arguments]
                results[database] = subprocess.run(command, env=environment, check=False).returncode
    # A selection by ARGS may leave a pass without a test, but not all of them.
    ran = set(results.values()) - {pytest.ExitCode.NO_TESTS_COLLECTED}
    return int(ran != {pytest.ExitCode.OK})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
