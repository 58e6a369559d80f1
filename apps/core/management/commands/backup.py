import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from apps.core import archive, databases


class Command(BaseCommand):
    help = "Write database and encryption key, as they are at one moment, into a new file that only you can read."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *_: Any, file: Path, **__: Any) -> None:
        if file.exists():
            raise CommandError(f"{file} is there already: backups are not replaced.")
        key: Path = settings.ENVIRONMENT.key_file
        try:
            # Beside the target, since a copy of the whole database may not fit into /tmp.
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
                copy = Path(folder) / archive.DATABASE
                databases.current().copy_to(copy)
                created_at = timezone.now().isoformat(timespec="seconds")
                archive.write(file, vendor=connection.vendor, created_at=created_at, key=key, database=copy)
        except (databases.CopyError, OSError) as error:
            raise CommandError(f"No backup was made: {error}") from error
        self.stdout.write(f"Backed up to {file} ({file.stat().st_size:,} bytes). It holds the key: keep it secret.")
