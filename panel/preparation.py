"""What must be there before Berth can run: its data folder and key, an engine, the sample image, a current database.

Every step looks first and says what it does; a second run does nothing and takes a moment.
"""

import base64
import fcntl
import hashlib
import http.client
import os
import socket
import time
from pathlib import Path

import psycopg
from django.core.management import call_command

from panel.env import BASE_DIR, Environment
from panel.local_images import BuildError, ensure_image
from panel.supervisor import Program, running_pid, start_detached

LOCAL_ENGINE = "unix:///var/run/docker.sock"
ENGINE_START_TIMEOUT_S = 60
SAMPLE_IMAGE = "berth/sample:1"
SAMPLE_DIR = BASE_DIR / "deploy" / "sample"


class CannotPrepare(Exception):
    """Something that only the operator can put right; the message says what."""


def say(line: str) -> None:
    print(f"setup  | {line}", flush=True)  # noqa: T201


# --- data folder ------------------------------------------------------------------------------------------------------
def lock_data_folder(environment: Environment) -> int:
    """Makes the data folder and takes its lock; returns the descriptor, which holds the lock until it is closed."""
    for folder in (environment.data_dir, environment.run_dir, log_dir(environment)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(lock_file(environment), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise CannotPrepare(f"Berth already runs on {environment.data_dir}, in another terminal.") from error
    os.truncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def lock_file(environment: Environment) -> Path:
    """Locked by, and holding the pid of, whoever runs on this data folder."""
    return environment.run_dir / "up.lock"


def lock_holder(environment: Environment) -> int | None:
    """The pid of the supervisor that runs on this data folder, if one does."""
    try:
        with lock_file(environment).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    except FileNotFoundError:
        pass
    return None


def log_dir(environment: Environment) -> Path:
    return environment.data_dir / "log"


def require_free_port(port: int, setting: str) -> None:
    """Says whose business it is when something else listens already; `setting` names what moves us elsewhere."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotPrepare(f"Port {port} cannot be used ({error.strerror}). Free it, or set {setting}.") from error


# --- key --------------------------------------------------------------------------------------------------------------
def ensure_key(environment: Environment) -> None:
    """Makes the encryption key of a new installation; never a second one for a database that has had another."""
    if environment.key_file.exists():
        return
    if _database_is_in_use(environment):
        raise CannotPrepare(
            f"The encryption key {environment.key_file} is missing, but there is a database already, and no other key "
            "can read its secrets. Put the key back, or move the database away and restore a backup."
        )
    descriptor = os.open(environment.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.urlsafe_b64encode(os.urandom(32)) + b"\n")
    say(f"Made a new encryption key, {environment.key_file}")


def _database_is_in_use(environment: Environment) -> bool:
    if not environment.database_url:
        return Path(environment.database.removeprefix("sqlite:///")).exists()
    try:
        with psycopg.connect(environment.database_url, connect_timeout=10) as connection:
            row = connection.execute("SELECT to_regclass('django_migrations') IS NOT NULL").fetchone()
    except psycopg.Error as error:
        raise CannotPrepare(f"The database of PANEL_DATABASE_URL does not answer: {error}") from error
    return bool(row and row[0])


# --- engine -----------------------------------------------------------------------------------------------------------
def engine_program(environment: Environment) -> Program:
    """The engine that `make up` starts where none answers; it outlives the panel, as the applications do."""
    return Program(
        name="dockerd",
        argv=["dockerd", "--log-level=warn"],
        pid_file=str(environment.run_dir / "dockerd.pid"),
        log_file=str(log_dir(environment) / "dockerd.log"),
    )


def ensure_engine(environment: Environment) -> None:
    """Starts the local engine where none answers; another one is the operator's business."""
    if engine_answers(environment.engine_url):
        return
    if environment.engine_url != LOCAL_ENGINE:
        say(f"No engine answers at {environment.engine_url}: pages will show the last known state until it does")
        return
    if os.geteuid() != 0:
        raise CannotPrepare(
            "No Docker Engine answers. Start it (`sudo systemctl start docker`, or `sudo dockerd`) and see that this "
            "user may use it (`sudo usermod -aG docker $USER`), or run this as root."
        )
    program = engine_program(environment)
    say(f"Starting the Docker Engine (its log: {program.log_file})")
    pid = running_pid(program) or start_detached(program, dict(os.environ))
    deadline = time.monotonic() + ENGINE_START_TIMEOUT_S
    while not engine_answers(environment.engine_url):
        if running_pid(program) != pid or time.monotonic() > deadline:
            raise CannotPrepare(f"The Docker Engine did not start; its log, {program.log_file}, says why.")
        time.sleep(0.2)


def engine_answers(engine_url: str) -> bool:
    """Whether a Docker Engine answers a ping at a `unix://` or `tcp://` address."""
    connection = http.client.HTTPConnection("engine", timeout=5)
    scheme, _, address = engine_url.partition("://")
    try:
        if scheme == "unix":
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(5)
            connection.sock.connect(address)
        else:
            host, _, port = address.rpartition(":")
            connection.sock = socket.create_connection((host, int(port)), timeout=5)
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def ensure_sample(environment: Environment) -> None:
    """Builds the sample application's image unless the engine has it, and offers it to tenants."""
    context = {str(path.relative_to(SAMPLE_DIR)): path.read_bytes() for path in SAMPLE_DIR.rglob("*") if path.is_file()}
    try:
        ensure_image(SAMPLE_IMAGE, context, engine_url=environment.engine_url)
    except BuildError as error:
        say(f"The sample application could not be built: {error}")
    else:
        call_command("register_sample", SAMPLE_IMAGE)


# --- Django -----------------------------------------------------------------------------------------------------------
def ensure_database() -> None:
    call_command("migrate", interactive=False, verbosity=0)


def ensure_static_files(environment: Environment) -> None:
    """Collects the static files again if one has changed since."""
    mark = environment.data_dir / "static.mark"
    sources = ["static", "node_modules/.installed-lock", "panel/staticfiles.py"]
    fingerprint = _fingerprint([BASE_DIR / source for source in sources])
    if mark.exists() and mark.read_text() == fingerprint:
        return
    say("Collecting the static files")
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    mark.write_text(fingerprint)


def _fingerprint(roots: list[Path]) -> str:
    files = sorted(path for root in roots for path in (root.rglob("*") if root.is_dir() else [root]) if path.is_file())
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        state = path.stat()
        digest.update(f"{path}:{state.st_size}:{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
