"""Keeps the programs of one installation running in one terminal: `supervisor.py <fd of the plan> <fd of the lock>`.

It idles beside the panel all day, so its memory counts: standard library only, and threads instead of asyncio (9 MB
instead of 17). One thread per program reads in order: start, copy the output, wait, say so, back off, again.

Two kinds of program. A *child* dies with the supervisor, however that ends (PR_SET_PDEATHSIG, set by `setpriv`). One
with a `pid_file` *outlives* it, in a session of its own: it is adopted when it already runs, and only ever restarted.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

STOP_GRACE_S = 10
STABLE_S = 60
BACKOFF_S = (1, 2, 4, 8, 16, 30)
COLOURS = (36, 35, 34, 33, 32, 96, 95)


class Program(NamedTuple):
    """One program of the plan; `name` is what the terminal shows."""

    name: str
    argv: list[str]
    ready: str = ""
    """Path of a unix socket, or a TCP port of 127.0.0.1, that answers as soon as the program serves."""
    backs_others: bool = False
    """The others need it: it is waited for at the start and stopped last."""
    pid_file: str = ""
    log_file: str = ""


class Plan(NamedTuple):
    programs: list[Program]
    directory: str
    environment: dict[str, str]
    greeting: list[str]

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        fields: dict[str, Any] = json.loads(text)
        return cls(**{**fields, "programs": [Program(**program) for program in fields["programs"]]})

    def to_json(self) -> str:
        return json.dumps({**self._asdict(), "programs": [program._asdict() for program in self.programs]})


def answers(address: str) -> bool:
    """Whether something accepts connections at a unix socket's path or at a port of 127.0.0.1."""
    family: socket.AddressFamily = socket.AF_INET if address.isdigit() else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(("127.0.0.1", int(address)) if address.isdigit() else address)
        except OSError:
            return False
    return True


def running_pid(program: Program) -> int | None:
    """The pid of a program that outlived an earlier supervisor, if it still runs."""
    try:
        pid = int(Path(program.pid_file).read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError):
        return None
    # Pids are used again: another program's is not ours.
    return pid if name == Path(program.argv[0]).name[:15] else None


def start_detached(program: Program, environment: dict[str, str], directory: str = "/") -> int:
    """Starts a program that outlives us: a session of its own, output into its log file. Returns its pid."""
    with Path(program.log_file).open("wb") as log:
        process = subprocess.Popen(
            program.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=directory,
            start_new_session=True,
        )
    Path(program.pid_file).write_text(str(process.pid))
    return process.pid


def wait_for_exit(pid: int) -> None:
    """Blocks until a process has ended, be it ours or not."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([pidfd], [], [])
    finally:
        os.close(pidfd)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


class Supervisor:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.environment = {**os.environ, **plan.environment}
        self.stopping = threading.Event()
        self.impatient = threading.Event()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._writing = threading.Lock()
        self._width = max(len(program.name) for program in plan.programs)
        coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._prefixes = {
            program.name: self._prefix(program.name, COLOURS[i % len(COLOURS)] if coloured else None)
            for i, program in enumerate(plan.programs)
        }

    def run(self) -> None:
        """Runs the plan until a signal says to stop, then stops the children; a second signal kills them."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        for program in self.plan.programs:
            threading.Thread(target=self._keep_running, args=[program], daemon=True).start()
            if program.backs_others:
                self._until_ready(program)
        for program in self.plan.programs:
            if program.ready and not self._until_ready(program):
                break
        else:
            for line in self.plan.greeting:
                self._say("berth", line)
        self.stopping.wait()
        self._stop_children()

    def _on_signal(self, *_: object) -> None:
        (self.impatient if self.stopping.is_set() else self.stopping).set()

    # --- one program --------------------------------------------------------------------------------------------------
    def _keep_running(self, program: Program) -> None:
        attempt = 0
        while not self.stopping.is_set():
            started = time.monotonic()
            ending = self._run_outliving(program) if program.pid_file else self._run_child(program)
            if self.stopping.is_set():
                return
            attempt = 0 if time.monotonic() - started > STABLE_S else attempt
            delay = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
            attempt += 1
            self._say(program.name, f"{ending}; starting it again in {delay} s")
            self.stopping.wait(delay)

    def _run_child(self, program: Program) -> str:
        try:
            child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *program.argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.plan.directory,
                # Ctrl-C reaches the terminal's whole process group; we alone decide how the children stop.
                start_new_session=True,
            )
        except OSError as error:
            return f"could not be started ({error})"
        self._children[program.name] = child
        if self.stopping.is_set():  # the signal came between the check and the start
            child.terminate()
        output = cast(IO[bytes], child.stdout)
        for line in iter(lambda: output.readline(8192), b""):
            if text := line.decode(errors="replace").rstrip():
                self._say(program.name, text)
        code = child.wait()
        return f"ended with signal {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def _run_outliving(self, program: Program) -> str:
        pid = running_pid(program)
        if pid is None:
            try:
                pid = start_detached(program, self.environment, self.plan.directory)
            except OSError as error:
                return f"could not be started ({error})"
        wait_for_exit(pid)
        return f"has ended (see {program.log_file})"

    def _until_ready(self, program: Program) -> bool:
        while not answers(program.ready):
            if self.stopping.wait(0.1):
                return False
        return True

    # --- stopping -----------------------------------------------------------------------------------------------------
    def _stop_children(self) -> None:
        self._say("berth", "Stopping; press Ctrl-C again to kill.")
        for backing in (False, True):
            self._stop([p for p in self.plan.programs if not p.pid_file and p.backs_others is backing])

    def _stop(self, programs: list[Program]) -> None:
        children = [self._children[p.name] for p in programs if p.name in self._children]
        for child in children:
            child.terminate()
        deadline = time.monotonic() + STOP_GRACE_S
        while any(child.poll() is None for child in children):
            if self.impatient.wait(0.05) or time.monotonic() > deadline:
                for child in children:
                    if child.poll() is None:
                        os.killpg(child.pid, signal.SIGKILL)
                return

    # --- the terminal -------------------------------------------------------------------------------------------------
    def _prefix(self, name: str, colour: int | None) -> str:
        text = f"{name.ljust(self._width)} | "
        return text if colour is None else f"\x1b[{colour}m{text}\x1b[0m"

    def _say(self, name: str, line: str) -> None:
        text = f"{self._prefixes.get(name) or self._prefix(name, None)}{line}\n"
        with self._writing:
            try:
                sys.stdout.write(text)
                sys.stdout.flush()
            except OSError:  # the terminal is gone
                self.stopping.set()


if __name__ == "__main__":
    plan_fd, lock_fd = (int(argument) for argument in sys.argv[1:])
    # The lock is held for as long as we live, and by nobody who outlives us.
    os.set_inheritable(lock_fd, False)
    with os.fdopen(plan_fd) as file:
        Supervisor(Plan.from_json(file.read())).run()
