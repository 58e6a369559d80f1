"""`make up`: prepares this installation, then becomes the supervisor of its programs (`panel/supervisor.py`)."""

import io
import os
import sys
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from pydantic import ValidationError

from apps.core.errors import PanelError
from apps.networking import proxy
from panel import preparation
from panel.env import BASE_DIR, Environment, explain
from panel.preparation import CannotPrepare
from panel.supervisor import Plan, Program, running_pid

# glibc gives every thread an arena of its own and hardly ever gives one back: two are enough for threads that wait.
CHILD_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1"}


def main() -> None:
    os.umask(0o077)  # what is in the data folder is nobody else's business
    try:
        environment = Environment()
        lock = preparation.lock_data_folder(environment)
        preparation.require_free_port(environment.port, "PANEL_BASE_URL")
        preparation.ensure_engine(environment)
        preparation.ensure_key(environment)
        django.setup()
        preparation.ensure_database()
        preparation.ensure_sample(environment)
        preparation.ensure_static_files(environment)
        _prepare_caddy(environment)
        greeting = _greeting(environment)
    except ValidationError as error:
        sys.exit(explain(error))
    except (CannotPrepare, ImproperlyConfigured, PanelError) as error:
        sys.exit(f"setup  | {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    _become_supervisor(Plan(programs(environment), str(BASE_DIR), CHILD_ENVIRONMENT, greeting), lock)


def programs(environment: Environment) -> list[Program]:
    """Everything that `make up` keeps running, in the order in which it is started."""
    engine = preparation.engine_program(environment)
    return [
        *([engine] if running_pid(engine) else []),
        *([] if environment.redis_url else [_redis(environment)]),
        caddy_program(environment),
        _web(environment),
        _worker(environment),
        Program("watcher", _python("manage.py", "watch")),
    ]


def caddy_program(environment: Environment) -> Program:
    return Program(
        "caddy",
        ["caddy", "run", "--config", str(proxy.config_file(environment))],
        ready=str(proxy.admin_socket(environment)),
        pid_file=str(environment.run_dir / "caddy.pid"),
        log_file=str(preparation.log_dir(environment) / "caddy.log"),
    )


def _redis(environment: Environment) -> Program:
    socket = environment.redis.removeprefix("unix://")
    arguments = {
        "port": "0",
        "unixsocket": socket,
        "unixsocketperm": "600",
        "dir": str(environment.run_dir),
        # It holds hints and doorbells only: nothing worth a disk, and a refusal is better than a silent loss.
        "save": "",
        "appendonly": "no",
        "maxmemory": "64mb",
        "maxmemory-policy": "noeviction",
        "logfile": str(preparation.log_dir(environment) / "redis.log"),
    }
    options = [part for name, value in arguments.items() for part in (f"--{name}", value)]
    return Program("redis", ["redis-server", *options], ready=socket, backs_others=True)


def _web(environment: Environment) -> Program:
    options = {"host": "127.0.0.1", "port": environment.port, "loop": "uvloop", "ws": "websockets-sansio"}
    arguments = [
        *(f"--{name}={value}" for name, value in options.items()),
        *("--no-access-log", "--no-server-header", "--log-level=warning", "--timeout-graceful-shutdown=5"),
        # What a browser says to a socket is short, and compressing each viewer's copy of a log would cost a core.
        *("--ws-max-size=65536", "--ws-per-message-deflate=false"),
        # Only Caddy may say who the client is, and it does so only where it stands in front.
        "--proxy-headers" if environment.is_https else "--no-proxy-headers",
    ]
    # WhiteNoise hands static files over as plain iterators, which Django reads in a thread and remarks upon.
    quiet = ("-W", "ignore:StreamingHttpResponse must consume synchronous iterators")
    command = _python(*quiet, "-m", "uvicorn", "panel.asgi:application", *arguments)
    return Program("web", command, ready=str(environment.port))


def _worker(environment: Environment) -> Program:
    slots = f"--concurrency={environment.worker_slots}"
    # One worker has nobody to gossip with; its leases are rows, not heartbeats on the broker.
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    celery = ["-m", "celery", "--quiet", "-A", "panel", "worker", "--pool=threads", slots, *alone]
    # Who may talk to the engine is root anyway, and the queue carries no pickles, which this warning is about.
    return Program("worker", _python("-W", "ignore:You're running the worker with superuser privileges", *celery))


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def _prepare_caddy(environment: Environment) -> None:
    """Writes what Caddy starts from; one that runs already takes it over, and cuts connections only if it differs."""
    proxy.write_config(environment)
    if running_pid(caddy_program(environment)):
        if proxy.load_config(environment):
            preparation.say("Caddy serves a changed configuration")
    elif not environment.is_https:
        preparation.require_free_port(environment.apps_port, "PANEL_APPS_PORT")


def _greeting(environment: Environment) -> list[str]:
    """The lines that end the start: where the panel is and, until somebody has used it, the set-up link."""
    output = io.StringIO()
    call_command("setup_link", stdout=output)
    link = output.getvalue().strip()
    first_run = ["", "Create the first operator with this link; it works once:", f"  {link}", ""] if link else []
    return [*first_run, f"Berth runs at {environment.base_url} (Ctrl-C stops it; applications go on running)"]


def _become_supervisor(plan: Plan, lock: int) -> None:
    # A new process image instead of a child: this one has Django in memory, that one needs a few megabytes.
    # The plan goes through memory, since it may hold the set-up link, which is no business of `ps`.
    plan_fd = os.memfd_create("plan", 0)
    os.write(plan_fd, plan.to_json().encode())
    os.lseek(plan_fd, 0, os.SEEK_SET)
    os.set_inheritable(lock, True)
    script = str(Path(__file__).with_name("supervisor.py"))
    os.execv(sys.executable, [sys.executable, "-I", "-S", script, str(plan_fd), str(lock)])  # noqa: S606


if __name__ == "__main__":
    main()
