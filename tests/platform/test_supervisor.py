"""The supervisor, with small programs in the place of Berth's."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from panel import supervisor
from panel.supervisor import Plan, Program, running_pid
from tests.support.process_tree import descendants, is_running
from tests.support.processes import eventually

STAYS = ["sh", "-c", "echo here I am; exec sleep 1000"]
IGNORES_TERM = ["sh", "-c", 'trap "" TERM; echo here I am; exec sleep 1000']


class Terminal:
    """A running supervisor, and the lines it has printed so far."""

    def __init__(self, programs: list[Program], greeting: list[str]) -> None:
        plan = os.memfd_create("plan", 0)
        os.write(plan, Plan(programs, "/", {}, greeting).to_json().encode())
        os.lseek(plan, 0, os.SEEK_SET)
        lock = os.open(os.devnull, os.O_RDONLY)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, str(plan), str(lock)],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[plan, lock],
        )
        os.close(plan)
        os.close(lock)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or []:
            self.lines.append(line.rstrip())

    def shows(self, text: str, times: int = 1) -> None:
        eventually(lambda: sum(text in line for line in self.lines) >= times, within_s=20)

    def press_ctrl_c(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def ends(self) -> int:
        code = self.process.wait(timeout=20)
        self._reader.join()
        return code


@pytest.fixture
def start() -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def start(*programs: Program, greeting: list[str] | None = None) -> Terminal:
        terminals.append(Terminal(list(programs), greeting or []))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.process.kill()
        terminal.ends()


@pytest.fixture
def outliving(tmp_path: Path) -> Iterator[Program]:
    """A program such as Caddy: it goes on when the supervisor ends."""
    program = Program("proxy", ["sleep", "1000"], pid_file=f"{tmp_path}/pid", log_file=f"{tmp_path}/log")
    yield program
    if pid := running_pid(program):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_each_line_says_which_program_wrote_it(start):
    terminal = start(Program("web", ["sh", "-c", "echo out; echo err >&2; exec sleep 1000"]), Program("worker", STAYS))

    terminal.shows("web    | out")
    terminal.shows("web    | err")
    terminal.shows("worker | here I am")


def test_a_program_that_ends_is_started_again_and_the_terminal_says_so(start):
    terminal = start(Program("web", ["sh", "-c", "echo started; exit 3"]))

    terminal.shows("web | ended with code 3; starting it again in 1 s")
    terminal.shows("web | ended with code 3; starting it again in 2 s")
    terminal.shows("web | started", times=3)


def test_a_program_that_was_killed_is_started_again(start):
    terminal = start(Program("web", STAYS))
    terminal.shows("here I am")

    os.kill(descendants(terminal.process.pid)[0], signal.SIGKILL)

    terminal.shows("ended with signal SIGKILL; starting it again in 1 s")
    terminal.shows("here I am", times=2)


def test_a_program_that_cannot_be_started_does_not_stop_the_others(start):
    terminal = start(Program("web", ["/no/such/program"]), Program("worker", STAYS))

    terminal.shows("starting it again in 1 s")
    terminal.shows("worker | here I am")


def test_the_greeting_comes_when_everything_answers(start, tmp_path):
    socket = tmp_path / "socket"
    listen = (
        f"import socket, time; s = socket.socket(socket.AF_UNIX); s.bind({str(socket)!r}); s.listen(); time.sleep(1000)"
    )
    terminal = start(
        Program("web", [sys.executable, "-c", listen], ready=str(socket), backs_others=True), greeting=["It runs"]
    )

    terminal.shows("berth | It runs")


def test_ctrl_c_stops_the_children(start):
    terminal = start(Program("worker", STAYS), Program("web", STAYS))
    terminal.shows("here I am", times=2)
    children = descendants(terminal.process.pid)

    terminal.press_ctrl_c()

    assert terminal.ends() == 0
    assert not any(map(is_running, children))


def test_what_others_need_stops_last(start, tmp_path):
    socket = tmp_path / "redis.sock"
    redis = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", ""]
    looks = f'trap "test -S {socket} && echo still there; exit" TERM; echo here I am; while :; do sleep 0.1; done'
    terminal = start(
        Program("redis", redis, ready=str(socket), backs_others=True), Program("worker", ["sh", "-c", looks])
    )
    terminal.shows("here I am")

    terminal.press_ctrl_c()

    terminal.shows("still there")


def test_a_second_ctrl_c_kills_what_does_not_stop(start):
    terminal = start(Program("worker", IGNORES_TERM))
    terminal.shows("here I am")
    children = descendants(terminal.process.pid)

    terminal.press_ctrl_c()
    terminal.shows("press Ctrl-C again to kill")
    assert all(map(is_running, children))
    terminal.press_ctrl_c()

    assert terminal.ends() == 0
    eventually(lambda: not any(map(is_running, children)), within_s=10)


def test_no_child_outlives_a_supervisor_that_was_killed(start):
    terminal = start(Program("worker", IGNORES_TERM), Program("web", STAYS))
    terminal.shows("here I am", times=2)
    children = descendants(terminal.process.pid)

    terminal.process.kill()

    eventually(lambda: not any(map(is_running, children)), within_s=10)


def test_a_program_that_outlives_it_is_adopted_by_the_next(start, outliving):
    first = start(outliving)
    eventually(lambda: running_pid(outliving), within_s=10)
    pid = running_pid(outliving)
    first.press_ctrl_c()
    first.ends()

    assert running_pid(outliving) == pid

    second = start(outliving, Program("web", STAYS))
    second.shows("here I am")
    assert running_pid(outliving) == pid


def test_a_program_that_outlives_it_is_started_again_too(start, outliving):
    terminal = start(outliving)
    eventually(lambda: running_pid(outliving), within_s=10)
    pid = running_pid(outliving)

    os.kill(pid, signal.SIGKILL)

    terminal.shows(f"proxy | has ended (see {outliving.log_file}); starting it again in 1 s")
    eventually(lambda: running_pid(outliving) not in {None, pid}, within_s=10)


def test_another_process_that_got_the_old_pid_is_not_taken_for_the_program(outliving):
    Path(outliving.pid_file).write_text(str(os.getpid()))

    assert running_pid(outliving) is None
