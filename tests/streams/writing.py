"""A container whose log is written line by line from here, through pipes.

python -m tests.streams.writing PIPE RATE TOTAL    writes numbered lines that say when they were written
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from docker.models.containers import Container

from apps.engine.body import LOG_CONFIG

IMAGE = "berth-test/silent:1"
TICK_S = 0.001


class WrittenLog:
    """`out` and `err` are the paths of the pipes; what is written to them the container writes at once."""

    def __init__(self, container: Container, folder: Path) -> None:
        self.container = container
        self.out = folder / "out"
        self.err = folder / "err"
        self._out = os.open(self.out, os.O_WRONLY)
        self._err = os.open(self.err, os.O_WRONLY)

    @property
    def id(self) -> str:
        return str(self.container.id)

    def say(self, *lines: str) -> None:
        _write(self._out, "".join(f"{line}\n" for line in lines).encode())

    def complain(self, *lines: str) -> None:
        _write(self._err, "".join(f"{line}\n" for line in lines).encode())

    def write(self, data: bytes) -> None:
        _write(self._out, data)

    def end(self) -> None:
        """The container's program comes to its end."""
        for descriptor in (self._out, self._err):
            with suppress(OSError):
                os.close(descriptor)


@contextmanager
def written_log(*, tty: bool = False, **log_options: str) -> Iterator[WrittenLog]:
    api = docker.DockerClient()
    with tempfile.TemporaryDirectory(prefix="berth-pipes-") as folder:
        for name in ("out", "err"):
            os.mkfifo(Path(folder) / name)
        container = api.containers.run(
            IMAGE,
            ["sh", "-c", "cat /pipes/err >&2 & exec cat /pipes/out"],
            detach=True,
            tty=tty,
            volumes={folder: {"bind": "/pipes"}},
            log_config={"Type": "json-file", "Config": LOG_CONFIG["Config"] | _dashed(log_options)},
        )
        try:
            log = WrittenLog(container, Path(folder))
            yield log
            log.end()
        finally:
            container.remove(force=True)


def _dashed(options: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in options.items()}


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def write_paced(pipe: str, rate: float, total: int) -> None:
    """`<number> <nanoseconds since 1970>` per line, `rate` lines a second."""
    descriptor = os.open(pipe, os.O_WRONLY)
    began, written = time.monotonic(), 0
    while written < total:
        due = min(total, int((time.monotonic() - began) * rate) + 1)
        if due > written:
            now = time.time_ns()
            _write(descriptor, "".join(f"{number:08d} {now}\n" for number in range(written, due)).encode())
            written = due
        time.sleep(TICK_S)


if __name__ == "__main__":
    write_paced(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
