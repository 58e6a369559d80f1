"""The set-up link: once, for the first operator only."""

from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.accounts.models import User
from apps.audit.models import Event
from apps.nodes.services import installation
from apps.operations.models import Kind, Operation
from apps.tenants.models import Membership
from apps.tenants.permissions import Role
from tests.support.visitor import PASSWORD

pytestmark = pytest.mark.django_db
HOST = {"host": settings.ENVIRONMENT.host}
FORM = {"installation_name": "Harbour", "name": "Oscar", "email": "Oscar@example.com", "password": PASSWORD}


def setup_link() -> str:
    out = StringIO()
    call_command("setup_link", stdout=out)
    return out.getvalue().strip().removeprefix(settings.ENVIRONMENT.base_url)


def test_the_link_makes_the_first_operator_and_asks_the_worker_to_check_the_engine(client):
    response = client.post(setup_link(), FORM, headers=HOST)
    assert response["Location"] == "/console/set-up/engine/"
    operator = User.objects.get()
    assert (operator.email, operator.is_operator) == ("oscar@example.com", True)
    assert installation().name == "Harbour"
    assert Operation.objects.get().kind == Kind.CHECK_NODE
    assert set(Event.objects.values_list("action", flat=True)) == {"installation.set-up", "user.create", "node.check"}


def test_the_operator_owns_the_first_tenant_by_a_membership_like_everybodys(client):
    client.post(setup_link(), FORM, headers=HOST)
    response = client.post("/console/set-up/tenant/", {"name": "Acme Ltd", "slug": "acme"}, headers=HOST)
    assert response["Location"] == "/t/acme/"
    assert Membership.objects.get().role == Role.OWNER


def test_the_link_works_once(client):
    link = setup_link()
    client.post(link, FORM, headers=HOST)
    client.logout()
    assert client.get(link, headers=HOST).status_code == 404
    assert client.post(link, FORM | {"email": "eve@example.com"}, headers=HOST).status_code == 404
    assert setup_link() == ""
    assert User.objects.count() == 1


def test_a_newer_link_replaces_the_older(client):
    old, new = setup_link(), setup_link()
    assert client.get(old, headers=HOST).status_code == 404
    assert client.get(new, headers=HOST).status_code == 200


@pytest.mark.parametrize(("password", "words"), [("short", "at least 12"), ("123456789012345", "entirely numeric")])
def test_a_weak_password_is_refused_and_nothing_typed_is_lost(client, password, words):
    response = client.post(setup_link(), FORM | {"password": password}, headers=HOST)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert "Harbour" in response.content.decode()
    assert not User.objects.exists()


def test_there_is_no_token_in_the_database_only_its_hash(client):
    token = setup_link().rstrip("/").rpartition("/")[2]
    assert token not in installation().setup_token_hash
