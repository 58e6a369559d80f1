from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client, TestCase
from django.utils.module_loading import autodiscover_modules
from pytest_django import DjangoDbBlocker, Settings

from apps.accounts.models import User
from apps.accounts.sessions import begin_session
from apps.engine.client import Engine
from apps.nodes.services import installation
from apps.operations.models import Operation
from apps.operations.run import run_next
from apps.tenants.models import Tenant
from panel.preparation import LOCAL_ENGINE
from tests.factories import make_tenant, make_user, own_image
from tests.support.engine import remove_objects
from tests.support.images import ensure_images
from tests.support.people import confirm
from tests.support.registry import registry

__all__ = ["registry"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What touches no database is not tried again on the second one."""
    if "postgresql" not in django_settings.DATABASES["default"]["ENGINE"]:
        return
    again = [item for item in items if _touches_the_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(again)])
    items[:] = again


def _touches_the_database(item: pytest.Item) -> bool:
    is_case = issubclass(getattr(item, "cls", None) or object, TestCase)
    fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return is_case or item.get_closest_marker("django_db") is not None or bool(fixtures)


@pytest.fixture(autouse=True)
def _quick(settings: Settings) -> None:
    """What would cost time or a build step and is not what these tests are about."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _forget_failures() -> None:
    """What is counted in a process's memory, one test after another would add up."""
    cache.clear()


# --- the cast ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def alice(db: None) -> User:
    """Owner of acme."""
    return make_user("alice")


@pytest.fixture
def adam(db: None) -> User:
    """Admin of acme."""
    return make_user("adam")


@pytest.fixture
def dora(db: None) -> User:
    """Developer of acme."""
    return make_user("dora")


@pytest.fixture
def vera(db: None) -> User:
    """Viewer of acme."""
    return make_user("vera")


@pytest.fixture
def arthur(db: None) -> User:
    """Auditor of acme."""
    return make_user("arthur")


@pytest.fixture
def greta(db: None) -> User:
    """Guest of acme, for what tests grant her."""
    return make_user("greta")


@pytest.fixture
def charlie(db: None) -> User:
    """Owner of another tenant, nobody in acme."""
    return make_user("charlie")


@pytest.fixture
def oscar(db: None) -> User:
    """Operator of the installation, member of no tenant."""
    return make_user("oscar", is_operator=True)


@pytest.fixture
def acme(alice: User, adam: User, dora: User, vera: User, arthur: User, greta: User) -> Tenant:
    return make_tenant("acme", alice, admin=adam, developer=dora, viewer=vera, auditor=arthur, guest=greta)


@pytest.fixture
def other(charlie: User) -> Tenant:
    return make_tenant("other", charlie)


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        # Our cookies are Secure, as a browser allows on localhost.
        client = Client(headers={"host": django_settings.ENVIRONMENT.host})
        client.force_login(user)
        begin_session(user, str(client.session.session_key), ip="127.0.0.1", device="the tests")
        return client

    return sign_in


@pytest.fixture
def sign_in_anew(sign_in: Callable[[User], Client]) -> Callable[[User], Client]:
    """Signed in, and asked within the last five minutes who they are: what is dangerous demands it."""

    def sign_in_anew(user: User) -> Client:
        client = sign_in(user)
        confirm(client)
        return client

    return sign_in_anew


# --- real parts -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def test_images() -> dict[str, str]:
    """Tag → image id, at the real engine."""
    return ensure_images()


@pytest.fixture
def images(test_images: dict[str, str], transactional_db: None) -> dict[str, str]:
    """Tag → the reference under which a tenant of this test's installation deploys it."""
    return {tag: own_image(tag, image_id) for tag, image_id in test_images.items()}


@pytest.fixture
def engine(transactional_db: None) -> Iterator[Engine]:
    """The real engine; whatever this test's installation made there is removed afterwards."""
    yield Engine(LOCAL_ENGINE)
    remove_objects(installation().label)


@pytest.fixture
def settle(transactional_db: None) -> Callable[[Operation], Operation]:
    """Work in this process until the operation has ended, as a worker does."""
    autodiscover_modules("jobs")

    def settle(operation: Operation) -> Operation:
        while run_next("test", 8):
            pass
        operation.refresh_from_db()
        return operation

    return settle


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_blocker: DjangoDbBlocker) -> None:
    """A file for SQLite, since worker processes of the tests open the same database."""
    database = django_settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        database["TEST"]["NAME"] = str(django_settings.ENVIRONMENT.data_dir / "test.sqlite3")
