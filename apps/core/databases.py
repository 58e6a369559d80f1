"""Consistent copies of the whole database, for `backup` and `restore`: one class per kind, none knows a model."""

import os
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path

from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient


class CopyError(Exception):
    """The database could not be copied; the message holds its words."""


class Database(ABC):
    @abstractmethod
    def copy_to(self, target: Path) -> None:
        """Writes the database as it is at one moment, while others read and write, into a new file."""

    @abstractmethod
    def replace_by(self, source: Path) -> None:
        """Makes the database what `copy_to` wrote: wholly, or not at all (then CopyError)."""


class Sqlite(Database):
    def copy_to(self, target: Path) -> None:
        with closing(sqlite3.connect(self._path())) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)

    def replace_by(self, source: Path) -> None:
        with closing(sqlite3.connect(source)) as copy:
            if (found := copy.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                raise CopyError(f"The copy of the database is damaged: {found}")
            connection.close()
            # One transaction of the live database, journal included: replacing its file could not be that.
            with closing(sqlite3.connect(self._path(), timeout=20)) as live:
                copy.backup(live)

    def _path(self) -> str:
        return str(connection.settings_dict["NAME"])


class Postgresql(Database):
    """Uses PostgreSQL's own programs, which know every kind of object; they must not be older than the server."""

    def copy_to(self, target: Path) -> None:
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", *self._where)

    def replace_by(self, source: Path) -> None:
        script = source.with_suffix(".sql")
        self._run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", "--", str(source))
        connection.close()
        clear = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction"]
        self._run("psql", *options, f"--command={clear}", f"--file={script}", *self._where)

    @property
    def _where(self) -> list[str]:
        return DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])[0][1:]

    def _run(self, *command: str) -> None:
        # The password travels in the environment: arguments can be read by everybody on the machine.
        secrets = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])[1] or {}
        try:
            subprocess.run(command, env={**os.environ, **secrets}, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise CopyError(f"{command[0]} is missing: apt-get install postgresql-client") from error
        except subprocess.CalledProcessError as error:
            raise CopyError(f"{command[0]} failed: {error.stderr.strip()}") from error


def current() -> Database:
    """The configured database."""
    kinds: dict[str, type[Database]] = {"sqlite": Sqlite, "postgresql": Postgresql}
    return kinds[connection.vendor]()
