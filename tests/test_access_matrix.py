"""Every URL × the cast → what they get. A URL without a row fails, so that no door is opened unseen.

`ok` stands for any answer of the view itself: a page, a redirect, or "busy" because of the state of things.
"""

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.containers.models import Application
from apps.operations.models import Operation
from apps.tenants.models import Role, Tenant
from apps.tenants.services import add_member
from tests.architecture.test_reading import all_urls
from tests.factories import latest_operation, make_application, make_spec, own_image

CAST = ("alice", "vera", "charlie", "oscar", "anonymous")
EVERYBODY = dict.fromkeys(CAST, "ok")
#: Nobody's page: who is not signed in is asked to.
SIGNED_IN = EVERYBODY | {"anonymous": "sign-in"}
#: A tenant's page: strangers (the operator among them) are told that there is nothing.
MEMBERS = {"alice": "ok", "vera": "ok", "charlie": 404, "oscar": 404, "anonymous": "sign-in"}
OWNERS = MEMBERS | {"vera": 403}
OPERATORS = {"alice": 404, "vera": 404, "charlie": 404, "oscar": "ok", "anonymous": "sign-in"}

MATRIX: dict[tuple[str, str], dict[str, object]] = {
    ("GET", "sign-in"): EVERYBODY,
    ("POST", "sign-out"): SIGNED_IN,
    ("GET", "home"): SIGNED_IN,
    ("GET", "setup"): dict.fromkeys(CAST, 404),
    ("GET", "tenant-overview"): MEMBERS,
    ("GET", "tenant-activity"): MEMBERS,
    ("GET", "application-list"): MEMBERS,
    ("GET", "application-new"): OWNERS,
    ("GET", "application-create"): OWNERS,
    ("POST", "application-create"): OWNERS,
    ("POST", "application-create-sample"): OWNERS,
    ("GET", "application-detail"): MEMBERS,
    ("GET", "application-header"): MEMBERS,
    ("GET", "application-overview"): MEMBERS,
    ("GET", "application-logs"): MEMBERS,
    ("GET", "application-releases"): MEMBERS,
    ("GET", "application-show-variables"): MEMBERS,
    ("POST", "application-variables"): OWNERS,
    ("GET", "application-settings"): MEMBERS,
    ("POST", "application-configure"): OWNERS,
    ("GET", "application-activity"): MEMBERS,
    ("POST", "application-deploy"): OWNERS,
    ("POST", "application-stop"): OWNERS,
    ("POST", "application-start"): OWNERS,
    ("POST", "application-restart"): OWNERS,
    ("POST", "application-kill"): OWNERS,
    ("GET", "application-delete"): OWNERS,
    ("POST", "application-delete"): OWNERS,
    ("GET", "operation-detail"): MEMBERS,
    ("POST", "operation-cancel"): OWNERS,
    ("GET", "setup-engine"): OPERATORS,
    ("GET", "setup-tenant"): OPERATORS,
    ("GET", "console-dashboard"): OPERATORS,
    ("GET", "console-tenants"): OPERATORS,
    ("GET", "console-tenant-new"): OPERATORS,
    ("POST", "console-tenant-new"): OPERATORS,
    ("GET", "console-operations"): OPERATORS,
    ("GET", "console-operation"): OPERATORS,
    ("POST", "console-operation-cancel"): OPERATORS,
    ("GET", "console-engine"): OPERATORS,
    ("POST", "node-check"): OPERATORS,
    ("GET", "console-audit"): OPERATORS,
}

CASES = [(method, name, person, expected) for (method, name), row in MATRIX.items() for person, expected in row.items()]

NAMING_AN_APPLICATION = sorted({pattern.name for route, pattern in all_urls() if "<slug:slug>" in route})


@pytest.fixture
def application(acme: Tenant) -> Application:
    own_image("httpd:1", "sha256:0")
    own_image("sample:1", "sha256:0")
    return make_application(acme)


@pytest.fixture
def cast(alice: User, vera: User, charlie: User, oscar: User, other: Tenant) -> dict[str, User | None]:
    return {"alice": alice, "vera": vera, "charlie": charlie, "oscar": oscar, "anonymous": None}


def path_of(name: str, application: Application) -> str:
    values = {
        "tenant": application.tenant.slug,
        "slug": application.slug,
        "pk": str(latest_operation(application).pk),
        "token": "not-the-token",
    }
    route = next(route for route, pattern in all_urls() if pattern.name == name)
    for parameter in get_resolver().reverse_dict.getlist(name)[0][0][0][1]:
        for converter in ("slug", "int", "str"):
            route = route.replace(f"<{converter}:{parameter}>", values[parameter])
    return f"/{route}"


def outcome(response) -> object:
    if response.status_code == 302 and response["Location"].startswith("/sign-in/?next="):
        return "sign-in"
    return response.status_code if response.status_code in {403, 404} else "ok"


def test_every_url_has_a_row():
    named = {pattern.name for _, pattern in all_urls()}
    assert named == {name for _, name in MATRIX}


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "name", "person", "expected"), CASES)
def test_access(method, name, person, expected, application, cast, client: Client, settings):
    if cast[person]:
        client.force_login(cast[person])
    path = path_of(name, application)
    response = client.generic(method, path, headers={"host": settings.ENVIRONMENT.host})
    assert outcome(response) == expected
    assert response.status_code < 500


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMING_AN_APPLICATION)
def test_an_owner_elsewhere_cannot_reach_ours_through_their_own_tenant(
    name, application, cast, other, client, settings
):
    """The same application's slug, the operation's number, under a tenant in which one may do everything."""
    client.force_login(cast["charlie"])
    path = path_of(name, application).replace("/t/acme/", "/t/other/")
    method = "POST" if ("POST", name) in MATRIX else "GET"
    assert client.generic(method, path, headers={"host": settings.ENVIRONMENT.host}).status_code == 404


@pytest.mark.django_db
def test_an_operation_of_ours_does_not_show_under_another_tenant(application, cast, other, client, settings):
    client.force_login(cast["charlie"])
    path = f"/t/other/operations/{latest_operation(application).pk}/"
    assert client.get(path, headers={"host": settings.ENVIRONMENT.host}).status_code == 404


@pytest.mark.django_db
def test_in_a_suspended_tenant_members_may_look_and_change_nothing(application, cast, client, settings):
    Tenant.objects.filter(slug="acme").update(suspended_at=timezone.now())
    client.force_login(cast["alice"])
    for (method, name), row in MATRIX.items():
        if row not in (MEMBERS, OWNERS):
            continue
        response = client.generic(method, path_of(name, application), headers={"host": settings.ENVIRONMENT.host})
        assert outcome(response) == ("ok" if row == MEMBERS else 403), name


@pytest.mark.django_db
def test_a_refused_change_is_in_the_tenants_log(application, cast, client, settings):
    client.force_login(cast["vera"])
    client.post(path_of("application-stop", application), headers={"host": settings.ENVIRONMENT.host})
    event = Event.objects.get(action="application.stop", result=Result.REFUSED)
    assert (event.tenant_label, event.actor_label, event.data["code"]) == ("Acme", "vera@example.com", "forbidden")


@pytest.mark.django_db
def test_values_of_variables_are_never_on_a_page_for_viewers(acme, cast, client, settings):
    own_image("httpd:1", "sha256:0")
    make_application(acme, "vault", make_spec(), TOKEN="s3cr3t-value")
    for person, shows in {"vera": False, "alice": True}.items():
        client.force_login(cast[person])
        path = "/t/acme/applications/vault/variables/?reveal=1"
        page = client.get(path, headers={"host": settings.ENVIRONMENT.host})
        assert ("s3cr3t-value" in page.content.decode()) is shows
        assert "TOKEN" in page.content.decode()
    assert Event.objects.filter(action="application.reveal-variables").count() == 1


@pytest.mark.django_db
def test_a_change_of_role_holds_at_the_next_request(application, cast, client, settings, acme):
    client.force_login(cast["vera"])
    path = path_of("application-stop", application)
    assert client.post(path, headers={"host": settings.ENVIRONMENT.host}).status_code == 403
    add_member(acme, cast["vera"], Role.OWNER, actor=SYSTEM)
    assert client.post(path, headers={"host": settings.ENVIRONMENT.host}).status_code == 302
    assert Operation.objects.filter(kind="stop").exists()
