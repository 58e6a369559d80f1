"""Private Redis and PostgreSQL servers, and an environment for Berth that has nothing in common with the developer's.

python -m tests.support.services [--postgresql] COMMAND…    runs a command in such an environment
"""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from cryptography.fernet import Fernet
from redis import Redis
from redis.exceptions import RedisError

START_TIMEOUT_S = 30
POSTGRESQL = Path("/usr/lib/postgresql/15/bin")
#: Not the default, and another one for each environment: whoever shares the engine (a developer's own Berth, a second
#: run of the tests, the other lane of this one) must not want the same ranges.
_pools = itertools.count(os.getpid())


@contextmanager
def private_environment(*, postgresql: bool = False) -> Iterator[dict[str, str]]:
    """Environment variables of a Berth with a data folder, key and servers of its own, all removed afterwards."""
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="berth-test-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(temporary))
        (folder / "secret.key").write_bytes(Fernet.generate_key())
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("PANEL_")},
            "PANEL_DATA_DIR": str(folder),
            "PANEL_REDIS_URL": stack.enter_context(redis_server()),
            "PANEL_DATABASE_URL": stack.enter_context(postgresql_server()) if postgresql else "",
            "PANEL_NETWORK_POOL": f"10.{128 + next(_pools) % 80}.0.0/16",
        }


@contextmanager
def redis_server() -> Iterator[str]:
    """The `unix://` address of a Redis that keeps nothing."""
    with tempfile.TemporaryDirectory(prefix="berth-redis-") as folder:
        socket = f"{folder}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]

        def answers() -> bool:
            try:
                return Redis(unix_socket_path=socket).ping()
            except RedisError:
                return False

        with _server([*command, "--logfile", f"{folder}/redis.log"], answers):
            yield f"unix://{socket}"


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The address of an empty PostgreSQL 15 database whose user may create others, as Django's test runner does."""
    # PostgreSQL refuses to run as root.
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="berth-postgresql-") as folder:
        if user:
            subprocess.run(["chown", "postgres", folder], check=True)
        options = ["--auth=trust", "--username=berth", "--encoding=UTF8", "--no-sync", "-D", f"{folder}/data"]
        make = [str(POSTGRESQL / "initdb"), *options]
        subprocess.run(["setpriv", *user, "--", *make], check=True, stdout=subprocess.DEVNULL, cwd="/")
        address = f"postgres://berth@{quote(folder, safe='')}"

        def answers() -> bool:
            try:
                with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
                    connection.execute("CREATE DATABASE berth")
            except psycopg.OperationalError:
                return False
            return True

        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        command = [str(POSTGRESQL / "postgres"), "-D", f"{folder}/data", *options]
        with _server(command, answers, privileges=user):
            yield f"{address}/berth"


@contextmanager
def _server(command: list[str], answers: Callable[[], bool], privileges: Sequence[str] = ()) -> Iterator[None]:
    # SIGINT is PostgreSQL's fast shutdown, and ends Redis too; it comes by itself when the tests are killed.
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig=INT", *privileges, "--", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} did not start")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


if __name__ == "__main__":
    with private_environment(postgresql="--postgresql" in sys.argv) as environment:
        command = [argument for argument in sys.argv[1:] if argument != "--postgresql"]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
