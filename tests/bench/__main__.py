"""`make bench`: runs tests/bench/<name>.py, all of them or those named, and prints what each measures as `name: value`.

A benchmark is a module with `run() -> dict[str, float]`. Each has a process and an environment of its own, so that none
warms up, slows down or configures another.
"""

import importlib
import subprocess
import sys
from pathlib import Path

from tests.support.engine import local_engine
from tests.support.images import ensure_images
from tests.support.services import private_environment


def main(names: list[str]) -> int:
    known = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if unknown := set(names) - set(known):
        sys.exit(f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(known)}")
    codes = []
    with local_engine():
        ensure_images()
        for name in names or known:
            with private_environment() as environment:
                command = [sys.executable, "-m", "tests.bench", "--in-this-process", name]
                codes.append(subprocess.run(command, env=environment, check=False).returncode)
    return int(any(codes))


def measure(name: str) -> None:
    for metric, value in importlib.import_module(f"tests.bench.{name}").run().items():
        sys.stdout.write(f"{metric}: {value:g}\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--in-this-process"]:
        measure(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1:]))
