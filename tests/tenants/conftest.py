from collections.abc import Callable

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from apps.accounts.http import actor_of
from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.containers.models import Application
from apps.tenants.models import Membership, Tenant
from tests.factories import make_application, own_image


def acting(user: User) -> Actor:
    return actor_of(user, "192.0.2.1", "r")


def membership(user: User, tenant: str = "acme") -> Membership:
    return user.memberships.get(tenant__slug=tenant)


@pytest.fixture
def application(acme: Tenant) -> Application:
    own_image("httpd:1", "sha256:0")
    return make_application(acme)


@pytest.fixture
def page(sign_in: Callable[[User], Client]) -> Callable[..., str]:
    """The text of a page as somebody sees it: `page(alice, "/t/acme/members/")`."""

    def page(user: User, path: str, status: int = 200) -> str:
        response = sign_in(user).get(path)
        assert response.status_code == status
        return response.content.decode()

    return page


@pytest.fixture
def ask(client: Client) -> Callable[..., HttpResponse]:
    """The applications of acme, asked for with what is sent as authorization."""

    def ask(secret: str, scheme: str = "Bearer") -> HttpResponse:
        headers = {"host": settings.ENVIRONMENT.host} | ({"authorization": f"{scheme} {secret}"} if secret else {})
        return client.get("/api/v1/t/acme/applications", headers=headers)

    return ask
