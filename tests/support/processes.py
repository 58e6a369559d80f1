"""Berth's own processes, run on the database of the test that runs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from panel.env import BASE_DIR

WORKER = ("-m", "celery", "-A", "panel", "worker", "-P", "threads", "-c", "8", "--without-mingle", "--without-gossip")
WATCHER = ("manage.py", "watch")


def test_environment(**changes: str) -> dict[str, str]:
    """The variables by which a process joins this test: its database, data folder and ports."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        url = f"sqlite:///{name}"
    else:
        url = urlsplit(settings.ENVIRONMENT.database_url)._replace(path=f"/{name}").geturl()
    return {
        **os.environ,
        "PANEL_DATABASE_URL": url,
        "PANEL_DATA_DIR": str(settings.ENVIRONMENT.data_dir),
        "PANEL_SECRET_KEY_FILE": os.environ["PANEL_DATA_DIR"] + "/secret.key",
        "PANEL_APPS_PORT": str(settings.ENVIRONMENT.apps_port),
        **changes,
    }


@contextmanager
def running(*arguments: str, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process of Berth; killed at the end."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=BASE_DIR, env=test_environment(**changes))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def eventually(holds: Callable[[], object], *, within_s: float) -> None:
    """Wait until something holds; AssertionError if it does not come to."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.05)
