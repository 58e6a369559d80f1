"""`manage.py backup` and `restore`, on the kind of database that the suite runs on."""

import io
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from panel import preparation
from panel.env import BASE_DIR, Environment
from tests.support.services import private_environment


class Installation:
    """An installation of its own, used by its commands alone."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables
        self.folder = Path(variables["PANEL_DATA_DIR"])
        self.key = self.folder / "secret.key"
        self.succeeds("migrate")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, env=self.variables, cwd=BASE_DIR, capture_output=True, text=True, check=False)

    def succeeds(self, *arguments: str) -> str:
        done = self.manage(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refuses(self, *arguments: str) -> str:
        done = self.manage(*arguments)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def add_user(self, name: str) -> None:
        self._run_python(f"User.objects.create(email='{name}@example.org', name={name!r})")

    @property
    def users(self) -> list[str]:
        return self._run_python("print(*User.objects.order_by('pk').values_list('name', flat=True))").split()

    def _run_python(self, code: str) -> str:
        return self.succeeds("shell", "--no-imports", "-c", f"from apps.accounts.models import User\n{code}")


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Used by alice; every test leaves it so."""
    with private_environment(postgresql=connection.vendor == "postgresql") as variables:
        installation = Installation(variables)
        installation.add_user("alice")
        yield installation


@pytest.fixture
def another() -> Iterator[Installation]:
    with private_environment(postgresql=connection.vendor == "postgresql") as variables:
        yield Installation(variables)


def test_a_new_installation_becomes_the_one_that_was_backed_up(installation, another, tmp_path):
    backup = tmp_path / "berth.tar"
    installation.succeeds("backup", str(backup))
    key_before = another.key.read_bytes()

    another.succeeds("restore", str(backup))

    assert another.users == ["alice"]
    assert another.key.read_bytes() == installation.key.read_bytes() != key_before
    assert stat.S_IMODE(another.key.stat().st_mode) == 0o600
    assert another.key.with_name("secret.key.before-restore").read_bytes() == key_before
    another.succeeds("migrate", "--check")


def test_an_installation_in_use_is_replaced_only_by_force(installation, tmp_path):
    backup = tmp_path / "berth.tar"
    installation.succeeds("backup", str(backup))
    installation.add_user("vera")

    assert "--force" in installation.refuses("restore", str(backup))
    assert installation.users == ["alice", "vera"]

    installation.succeeds("restore", "--force", str(backup))
    assert installation.users == ["alice"]


def test_a_backup_is_readable_by_its_owner_only_and_never_replaced(installation, tmp_path):
    backup = tmp_path / "berth.tar"
    installation.succeeds("backup", str(backup))
    content = backup.read_bytes()

    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert "is there already" in installation.refuses("backup", str(backup))
    assert backup.read_bytes() == content
    assert list(tmp_path.iterdir()) == [backup]


@pytest.mark.parametrize("part", ["database", "secret.key"])
def test_a_damaged_backup_changes_nothing(installation, tmp_path, part):
    key = installation.key.read_bytes()
    backup, damaged = tmp_path / "berth.tar", tmp_path / "damaged.tar"
    installation.succeeds("backup", str(backup))
    with tarfile.open(backup) as whole, tarfile.open(damaged, "w") as archive:
        for entry in whole:
            content = Fernet.generate_key() if entry.name == part else whole.extractfile(entry).read()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

    assert f"its {part} is not the one" in installation.refuses("restore", "--force", str(damaged))

    assert installation.users == ["alice"]
    assert installation.key.read_bytes() == key


def test_a_file_that_is_no_backup_is_refused(installation, tmp_path):
    (tmp_path / "notes.txt").write_text("not a backup")
    with tarfile.open(tmp_path / "other.tar", "w") as archive:
        archive.add(tmp_path / "notes.txt", "notes.txt")

    assert "is not a whole backup" in installation.refuses("restore", "--force", str(tmp_path / "notes.txt"))
    assert "is not a backup of Berth" in installation.refuses("restore", "--force", str(tmp_path / "other.tar"))


def test_nothing_is_restored_while_berth_runs(installation, tmp_path):
    backup = tmp_path / "berth.tar"
    installation.succeeds("backup", str(backup))
    lock = preparation.lock_data_folder(Environment(data_dir=installation.folder))

    assert "Stop it" in installation.refuses("restore", "--force", str(backup))

    os.close(lock)
    installation.succeeds("restore", "--force", str(backup))
