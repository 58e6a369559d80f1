"""The way of a log line from the container to the browser: how long, how many, at which cost; and how many get lost.

The real uvicorn with the real application, its access check and re-check; the viewers are processes of their own.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from panel import up
from panel.env import BASE_DIR, Environment
from panel.supervisor import answers
from tests.streams.writing import WrittenLog, written_log
from tests.support.system import free_port

USERS = 25

VIEWERS = 1_000
LINES_PER_S = 1_000
SECONDS = 10

#: Tried from the top: the first at which each of 50 viewers gets each line.
RATES_PER_S = (50_000, 40_000, 30_000, 20_000, 10_000)
RATE_SECONDS = 5

MILLION = 1_000_000
#: Tried from the top: the first at which `docker logs -f` itself loses nothing.
PACES_PER_S = (150_000, 100_000, 75_000, 50_000)


@dataclass(frozen=True)
class Panel:
    port: int
    path: str
    pid: int
    sessions: list[str]


def run() -> dict[str, float]:
    os.environ["PANEL_BASE_URL"] = f"http://localhost:{free_port()}"
    django.setup()
    call_command("migrate", verbosity=0)
    with written_log() as log, _panel(log.id) as panel:
        many = _watch(panel, log, viewers=VIEWERS, rate=LINES_PER_S, total=LINES_PER_S * SECONDS)
        rss_mb = _peak_rss_mb(panel.pid)
    return {
        "logs_latency_p95_ms": _percentile(many["latency_ms"], 0.95),
        "logs_gaps": many["gaps"] + sum(many["remarks"].values()),
        "streams_rss_mb": rss_mb,
        "logs_rate_50_viewers": _rate_that_holds(),
        "logs_throughput_ratio": _throughput_ratio(),
    }


def _rate_that_holds() -> int:
    for rate in RATES_PER_S:
        with written_log() as log, _panel(log.id) as panel:
            found = _watch(panel, log, viewers=50, rate=rate, total=rate * RATE_SECONDS)
        if found["gaps"] == 0 and not found["remarks"] and found["took_s"] < RATE_SECONDS * 1.2:
            return rate
    return 0


def _throughput_ratio() -> float:
    """The time of `docker logs -f` for a million lines over that of one WebSocket."""
    for pace in PACES_PER_S:
        docker_s = _docker_logs(pace)
        if docker_s is None:
            continue
        with written_log() as log, _panel(log.id) as panel:
            found = _watch(panel, log, viewers=1, rate=pace, total=MILLION)
        if found["gaps"] == 0 and not found["remarks"]:
            return docker_s / float(found["took_s"])
    return 0.0


def _docker_logs(pace: int) -> float | None:
    """Seconds until the last of a million lines has come; None if some did not."""
    with written_log() as log:
        follower = subprocess.Popen(["docker", "logs", "-f", log.id], stdout=subprocess.PIPE)
        assert follower.stdout
        began = time.time()
        with _writing(log, pace, MILLION):
            numbers = set()
            for row in follower.stdout:
                number = int(row[:8])
                numbers.add(number)
                if number == MILLION - 1:
                    break
            took_s = time.time() - began
        follower.kill()
        follower.wait()
    # Docker repeats lines when it rotates: only what is missing counts.
    return took_s if len(numbers) == MILLION else None


@contextmanager
def _writing(log: WrittenLog, rate: int, total: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.streams.writing", str(log.out), str(rate), str(total)]
    with subprocess.Popen(command, cwd=BASE_DIR):
        yield


def _watch(panel: Panel, log: WrittenLog, *, viewers: int, rate: int, total: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.streams.load", str(panel.port), panel.path, str(viewers), str(total)]
    load = subprocess.Popen(command, cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert load.stdin
    assert load.stdout
    load.stdin.write("\n".join(panel.sessions))
    load.stdin.close()
    assert load.stdout.readline() == "ready\n"
    began = time.time()
    with _writing(log, rate, total):
        found: dict[str, Any] = json.loads(load.stdout.readline())
    load.wait()
    return found | {"took_s": found["finished_at"] - began}


@contextmanager
def _panel(container_id: str) -> Iterator[Panel]:
    """The web process as `make up` starts it, and an application whose container this is."""
    environment = Environment()
    path, sessions = import_module("tests.streams.seed").seed(container_id, USERS)
    web = next(program for program in up.programs(environment) if program.name == "web")
    with subprocess.Popen(web.argv, cwd=BASE_DIR, env=os.environ | up.CHILD_ENVIRONMENT) as process:
        try:
            while not answers(str(environment.port)):
                time.sleep(0.05)
            yield Panel(environment.port, path, process.pid, sessions)
        finally:
            process.terminate()


def _peak_rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _percentile(histogram: dict[str, int], part: float) -> float:
    counted = 0
    for value, count in sorted((int(value), count) for value, count in histogram.items()):
        counted += count
        if counted >= part * sum(histogram.values()):
            return value
    return float("inf")
