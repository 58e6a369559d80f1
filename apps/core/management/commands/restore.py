import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from apps.core import archive, databases


class Command(BaseCommand):
    help = "Put the database and the encryption key of a backup in the place of this installation's. Stop Berth first."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--force", action="store_true", help="replace an installation that somebody uses")

    def handle(self, *_: Any, file: Path, force: bool, **__: Any) -> None:
        with _stopped():
            if _is_in_use() and not force:
                raise CommandError("This installation has users. Back it up first; --force then replaces it for good.")
            manifest = _restore(file)
        self.stdout.write(f"Restored the backup of {manifest.created_at}. `make up` brings its database up to date.")


def _restore(file: Path) -> archive.Manifest:
    try:
        with tempfile.TemporaryDirectory(dir=settings.ENVIRONMENT.data_dir, prefix=".restore-") as folder:
            manifest = archive.read(file, Path(folder))
            if manifest.vendor != connection.vendor:
                raise CommandError(f"{file} holds a {manifest.vendor} database; this one is {connection.vendor}.")
            with _key_replaced_by(Path(folder) / archive.KEY):
                databases.current().replace_by(Path(folder) / archive.DATABASE)
    except (archive.ArchiveError, databases.CopyError, OSError) as error:
        raise CommandError(f"Nothing was restored: {error}") from error
    return manifest


@contextmanager
def _key_replaced_by(restored: Path) -> Iterator[None]:
    """Makes another key the installation's if the block succeeds, in one rename; the one before stays beside it.

    All that may fail (a read-only place, a full disk) comes before the block.
    """
    key: Path = settings.ENVIRONMENT.key_file
    if archive.digest(key) == archive.digest(restored):
        yield
        return
    draft = key.with_name(f"{key.name}.restored")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(restored.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    try:
        yield
        shutil.copy2(key, key.with_name(f"{key.name}.before-restore"))
        draft.replace(key)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _stopped() -> Iterator[None]:
    """Keeps `make up` from running on this data folder; its programs would write into what is being replaced."""
    settings.ENVIRONMENT.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(settings.ENVIRONMENT.run_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise CommandError("Berth runs on this data folder. Stop it (Ctrl-C in its terminal) first.") from error
    finally:
        os.close(descriptor)


def _is_in_use() -> bool:
    users = get_user_model()
    return users._meta.db_table in connection.introspection.table_names() and users._default_manager.exists()
