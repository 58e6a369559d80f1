"""What `make up` makes before it starts anything."""

import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from panel import preparation
from panel.env import Environment
from panel.preparation import CannotPrepare
from tests.support.services import postgresql_server


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(data_dir=tmp_path / "var", database_url="", secret_key_file=None)


def test_it_makes_a_key_that_only_the_owner_can_read(environment):
    os.close(preparation.lock_data_folder(environment))

    preparation.ensure_key(environment)

    assert stat.S_IMODE(environment.key_file.stat().st_mode) == 0o600
    Fernet(environment.key_file.read_bytes().strip())


def test_it_keeps_the_key_that_is_there(environment):
    os.close(preparation.lock_data_folder(environment))
    environment.key_file.write_text("the one before")

    preparation.ensure_key(environment)

    assert environment.key_file.read_text() == "the one before"


def test_it_never_makes_a_new_key_beside_an_existing_database(environment):
    os.close(preparation.lock_data_folder(environment))
    Path(environment.database.removeprefix("sqlite:///")).touch()

    with pytest.raises(CannotPrepare, match=r"secret\.key is missing, but there is a database already"):
        preparation.ensure_key(environment)

    assert not environment.key_file.exists()


def test_it_never_makes_a_new_key_beside_an_existing_postgresql_database(tmp_path):
    with postgresql_server() as url:
        environment = Environment(data_dir=tmp_path, database_url=url, secret_key_file=None)
        preparation.ensure_key(environment)
        environment.key_file.unlink()
        subprocess.run(["psql", "--quiet", "--dbname", url, "--command=CREATE TABLE django_migrations ()"], check=True)

        with pytest.raises(CannotPrepare, match="there is a database already"):
            preparation.ensure_key(environment)


def test_it_says_that_the_database_does_not_answer(tmp_path):
    url = "postgres://berth@127.0.0.1:1/berth"

    with pytest.raises(CannotPrepare, match="PANEL_DATABASE_URL does not answer"):
        preparation.ensure_key(Environment(data_dir=tmp_path, database_url=url, secret_key_file=None))


def test_the_data_folder_belongs_to_one_berth_at_a_time(environment):
    lock = preparation.lock_data_folder(environment)

    assert preparation.lock_holder(environment) == os.getpid()
    with pytest.raises(CannotPrepare, match="already runs"):
        preparation.lock_data_folder(environment)

    os.close(lock)
    assert preparation.lock_holder(environment) is None
    os.close(preparation.lock_data_folder(environment))


def test_it_says_which_setting_moves_it_to_another_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(CannotPrepare, match=f"Port {port} cannot be used .*PANEL_BASE_URL"):
            preparation.require_free_port(port, "PANEL_BASE_URL")


def test_the_engine_is_known_by_its_answer(tmp_path):
    assert preparation.engine_answers(preparation.LOCAL_ENGINE)
    assert not preparation.engine_answers(f"unix://{tmp_path}/nothing.sock")
    assert not preparation.engine_answers("tcp://127.0.0.1:1")
