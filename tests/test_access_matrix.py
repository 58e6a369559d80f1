"""Every URL × the cast → what they get. A URL without a row fails, so that no door is opened unseen.

`ok` stands for any answer of the view itself: a page, a redirect, or "busy" because of the state of things.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from apps.accounts.models import IdentityProvider, User
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.containers.models import Application
from apps.operations.models import Operation
from apps.tenants.models import Invitation, Tenant
from apps.tenants.permissions import Permission, Role
from apps.tenants.roster import open_invitation
from apps.tenants.services import add_member
from tests.architecture.test_reading import all_urls
from tests.factories import latest_operation, look_through, make_application, make_spec, make_token, own_image

INSIDE = ("alice", "adam", "dora", "vera", "arthur", "greta")
CAST = (*INSIDE, "charlie", "oscar", "anonymous")
#: The operator while he looks at acme through its developer: there what she may, everywhere else himself.
AS_DORA = "oscar as dora"
EVERYBODY = dict.fromkeys(CAST, "ok")
#: Nobody's page: who is not signed in is asked to.
SIGNED_IN = EVERYBODY | {"anonymous": "sign-in"}
NOBODY = dict.fromkeys(CAST, 404)
#: What is named here is nobody's: a session, a provider that there is not.
NOBODYS = NOBODY | {"anonymous": "sign-in"}
#: A one-time link that is used, old or made up.
INVALID_LINK = dict.fromkeys(CAST, 403)
OPERATORS = SIGNED_IN | dict.fromkeys((*INSIDE, "charlie"), 404)
#: Strangers to a tenant (the operator among them) are told that there is nothing.
STRANGERS = {"charlie": 404, "oscar": 404, "anonymous": "sign-in"}
#: Any member's page.
MEMBERS = dict.fromkeys(INSIDE, "ok") | STRANGERS
#: A page of the tenant, by the least role that opens it.
ADMINS = MEMBERS | dict.fromkeys(("dora", "vera", "arthur", "greta"), 403)
OWNERS = ADMINS | {"adam": 403}
DEVELOPERS = ADMINS | {"dora": "ok"}
ACTIVITY = MEMBERS | {"greta": 403}
#: A list that shows each member what they may see of it, and a page of one application, on which greta is a developer.
SEEING = MEMBERS | {"arthur": 403}
BUILDING = SEEING | {"vera": 403}
#: Who belongs to the tenant: for those who look at all of it.
TEAM = SEEING | {"greta": 403}
#: What a grant on the application does not give.
BEYOND_GRANTS = ADMINS
#: A page about something of one person's.
DORAS = SIGNED_IN | dict.fromkeys(CAST[:-1], 404) | {"dora": "ok"}
#: The API: whoever is signed in is nobody there.
TOKENS_ONLY = dict.fromkeys(CAST, 401)

MATRIX: dict[tuple[str, str], dict[str, object]] = {
    ("GET", "sign-in"): EVERYBODY,
    ("POST", "sign-out"): SIGNED_IN,
    ("GET", "home"): SIGNED_IN,
    ("GET", "sign-in-second-factor"): EVERYBODY,
    ("POST", "sign-in-passkey"): EVERYBODY,
    ("POST", "sign-in-passkey-options"): EVERYBODY,
    ("POST", "oidc-sign-in"): EVERYBODY | {"anonymous": 404},
    ("GET", "oidc-callback"): NOBODY,
    ("GET", "sign-up"): EVERYBODY,
    ("GET", "sign-up-confirm"): INVALID_LINK,
    ("GET", "password-forgotten"): EVERYBODY,
    ("GET", "password-reset"): INVALID_LINK,
    ("GET", "account-profile"): SIGNED_IN,
    ("GET", "account-email"): SIGNED_IN,
    ("GET", "account-email-confirm"): INVALID_LINK | {"anonymous": "sign-in"},
    ("GET", "account-password"): SIGNED_IN,
    ("GET", "account-factors"): SIGNED_IN,
    ("GET", "factor-add-app"): SIGNED_IN,
    ("POST", "factor-remove-app"): SIGNED_IN,
    ("GET", "factor-add-passkey"): SIGNED_IN,
    ("POST", "factor-passkey-options"): SIGNED_IN,
    ("POST", "factor-rename-passkey"): SIGNED_IN,
    ("POST", "factor-remove-passkey"): SIGNED_IN,
    ("POST", "factor-recovery-codes"): SIGNED_IN,
    ("GET", "account-sessions"): SIGNED_IN,
    ("POST", "session-revoke"): NOBODYS,
    ("POST", "session-revoke-others"): SIGNED_IN,
    ("GET", "account-connections"): SIGNED_IN,
    ("POST", "identity-disconnect"): SIGNED_IN,
    ("POST", "oidc-connect"): SIGNED_IN,
    ("GET", "confirm"): SIGNED_IN,
    ("POST", "confirm-passkey-options"): SIGNED_IN,
    ("POST", "oidc-confirm"): NOBODYS,
    ("GET", "setup"): NOBODY,
    ("GET", "tenant-found"): INVALID_LINK | {"anonymous": "sign-in"},
    ("POST", "tenant-found"): INVALID_LINK | {"anonymous": "sign-in"},
    ("GET", "tenant-overview"): MEMBERS,
    ("GET", "tenant-activity"): ACTIVITY,
    ("GET", "tenant-settings"): ADMINS,
    ("POST", "tenant-rename"): ADMINS,
    ("GET", "member-list"): TEAM,
    ("GET", "member-me"): MEMBERS,
    ("GET", "member-detail"): TEAM | {"greta": "ok"},  # it is her own
    ("GET", "member-role"): ADMINS,
    ("POST", "member-role"): ADMINS,
    ("GET", "member-remove"): ADMINS,
    ("POST", "member-remove"): ADMINS,
    ("GET", "member-leave"): MEMBERS,
    ("POST", "member-leave"): MEMBERS | {AS_DORA: 403},  # nobody leaves in somebody's place
    ("GET", "member-invite"): ADMINS,
    ("POST", "member-invite"): ADMINS,
    ("POST", "invitation-resend"): ADMINS,
    ("POST", "invitation-revoke"): ADMINS,
    ("GET", "invitation-accept"): NOBODY,
    ("POST", "invitation-accept"): NOBODY,
    ("GET", "tenant-close"): OWNERS,
    ("POST", "tenant-close"): OWNERS,
    ("POST", "tenant-reopen"): OWNERS,
    ("GET", "application-list"): SEEING,
    ("GET", "application-new"): DEVELOPERS,
    ("GET", "application-create"): DEVELOPERS,
    ("POST", "application-create"): DEVELOPERS,
    ("POST", "application-create-sample"): DEVELOPERS,
    ("GET", "application-new-quota"): DEVELOPERS,
    ("GET", "application-detail"): SEEING,
    ("GET", "application-header"): SEEING,
    ("GET", "application-overview"): SEEING,
    ("GET", "application-logs"): SEEING,
    ("GET", "application-releases"): SEEING,
    ("GET", "application-show-variables"): SEEING,
    ("GET", "application-reveal-variables"): BEYOND_GRANTS,
    ("POST", "application-variables"): BEYOND_GRANTS,
    ("GET", "application-settings"): SEEING,
    ("GET", "application-quota"): BUILDING,
    ("POST", "application-configure"): BUILDING,
    ("GET", "application-activity"): MEMBERS,
    ("POST", "application-deploy"): BUILDING,
    ("POST", "application-stop"): BUILDING,
    ("POST", "application-start"): BUILDING,
    ("POST", "application-restart"): BUILDING,
    ("POST", "application-kill"): BUILDING,
    ("GET", "application-delete"): BEYOND_GRANTS,
    ("POST", "application-delete"): BEYOND_GRANTS,
    ("GET", "operation-detail"): SEEING,
    ("POST", "operation-cancel"): BUILDING,
    ("GET", "token-list"): ADMINS,
    ("GET", "token-create"): ADMINS,
    ("POST", "token-create"): ADMINS,
    ("GET", "token-revoke"): ADMINS,
    ("POST", "token-revoke"): ADMINS,
    ("GET", "account-tokens"): SIGNED_IN,
    ("GET", "account-token-create"): MEMBERS,
    ("POST", "account-token-create"): MEMBERS,
    ("GET", "account-token-revoke"): DORAS,
    ("POST", "account-token-revoke"): DORAS,
    ("GET", "openapi-json"): EVERYBODY,
    ("GET", "api-root"): NOBODY,
    ("GET", "api-nothing"): NOBODY,
    ("GET", "api-application-list"): TOKENS_ONLY,
    ("GET", "tenant-usage"): SEEING,
    ("GET", "tenant-usage-csv"): SEEING,
    ("GET", "tenant-usage-json"): SEEING,
    ("GET", "setup-engine"): OPERATORS,
    ("GET", "setup-tenant"): OPERATORS,
    ("GET", "console-dashboard"): OPERATORS,
    ("GET", "console-tenants"): OPERATORS,
    ("GET", "console-tenant-new"): OPERATORS,
    ("POST", "console-tenant-new"): OPERATORS,
    ("GET", "console-tenant-quota"): OPERATORS,
    ("POST", "console-tenant-quota"): OPERATORS,
    ("POST", "tenant-override"): OPERATORS,
    ("POST", "tenant-override-end"): OPERATORS,
    ("GET", "console-plans"): OPERATORS,
    ("GET", "plan-create"): OPERATORS,
    ("POST", "plan-create"): OPERATORS,
    ("GET", "plan-change"): OPERATORS,
    ("POST", "plan-change"): OPERATORS,
    ("POST", "plan-delete"): OPERATORS,
    ("POST", "node-capacity"): OPERATORS,
    ("GET", "console-tenant"): OPERATORS,
    ("GET", "console-tenant-suspend"): OPERATORS,
    ("POST", "console-tenant-suspend"): OPERATORS,
    ("POST", "console-tenant-resume"): OPERATORS,
    ("GET", "console-tenant-close"): OPERATORS,
    ("POST", "console-tenant-close"): OPERATORS,
    ("POST", "console-tenant-reopen"): OPERATORS,
    ("GET", "console-tenant-impersonate"): OPERATORS,
    ("POST", "console-tenant-impersonate"): OPERATORS,
    ("POST", "console-impersonation-end"): OPERATORS,
    ("GET", "console-operations"): OPERATORS,
    ("GET", "console-operation"): OPERATORS,
    ("POST", "console-operation-cancel"): OPERATORS,
    ("GET", "console-engine"): OPERATORS,
    ("POST", "node-check"): OPERATORS,
    ("GET", "console-usage"): OPERATORS,
    ("GET", "console-usage-csv"): OPERATORS,
    ("GET", "console-users"): OPERATORS,
    ("GET", "console-user"): OPERATORS,
    ("POST", "user-activate"): OPERATORS,
    ("POST", "user-deactivate"): OPERATORS,
    ("POST", "user-make-operator"): OPERATORS,
    ("POST", "user-unmake-operator"): OPERATORS,
    ("POST", "user-sign-out"): OPERATORS,
    ("POST", "user-remove-second-factor"): OPERATORS,
    ("POST", "user-reset-link"): OPERATORS,
    ("GET", "console-sign-in"): OPERATORS,
    ("POST", "policy-change"): OPERATORS,
    ("GET", "provider-create"): OPERATORS,
    ("GET", "provider-change"): OPERATORS,
    ("POST", "provider-test"): OPERATORS,
    ("POST", "provider-delete"): OPERATORS,
    ("GET", "console-audit"): OPERATORS,
}


ROUTES = {pattern.name: route for route, pattern in all_urls()}


def is_of_the_tenant(name: str) -> bool:
    """Whether the page lies under `/t/<tenant>/`; a person's own pages do not, also where they name a tenant."""
    return ROUTES[name].startswith("t/")


ROWS = {key: {AS_DORA: row["dora" if is_of_the_tenant(key[1]) else "oscar"]} | row for key, row in MATRIX.items()}

#: Tokens of acme. `tenant` and `personal` (dora's) may do all that tokens may; `confined` only with one application,
#: as greta's own, `guest`; `blind` may not view.
TOKENS = ("tenant", "personal", "confined", "guest", "blind")
SEEING_TOKENS = dict.fromkeys(TOKENS, "ok") | {"blind": 403}

API_MATRIX: dict[tuple[str, str], dict[str, object]] = {
    ("GET", "api-application-list"): SEEING_TOKENS,
}


NAMING_AN_APPLICATION = [(method, name) for method, name in MATRIX if "<slug:slug>" in ROUTES[name]]


@pytest.fixture
def application(acme: Tenant, greta: User) -> Application:
    """Greta is its developer, and sees nothing else of acme."""
    own_image("httpd:1", "sha256:0")
    own_image("sample:1", "sha256:0")
    application = make_application(acme)
    greta.memberships.get().grants.create(application_id=application.pk, role=Role.DEVELOPER)
    acme.overrides.create(resource="memory", limit=None, reason="a test")
    IdentityProvider.objects.create(slug="corporate", issuer="https://127.0.0.1:9")
    return application


@pytest.fixture
def tokens(application: Application, alice: User, dora: User, greta: User) -> dict[str, str]:
    """Their secrets."""
    acme = application.tenant
    made = {
        "tenant": make_token(acme, alice),
        "personal": make_token(acme, dora, is_personal=True),
        "confined": make_token(acme, alice, only=[application]),
        "guest": make_token(acme, greta, is_personal=True),
        "blind": make_token(acme, alice, abilities=[Permission.LOGS]),
    }
    return {name: secret for name, (_, secret) in made.items()}


@pytest.fixture
def cast(acme: Tenant, other: Tenant, oscar: User) -> dict[str, User | None]:
    members = {user.name.lower(): user for tenant in (acme, other) for user in tenant.members.all()}
    return members | {"oscar": oscar, AS_DORA: oscar, "anonymous": None}


def row_of(name: str, application: Application) -> Model:
    """What a URL of this name tells by its number."""
    acme = application.tenant
    rows = {
        ("console-tenant", "tenant-override"): lambda: acme,
        ("plan-",): lambda: acme.plan,
        ("token-revoke",): lambda: acme.api_tokens.filter(membership=None)[0],
        ("account-token-revoke",): lambda: acme.api_tokens.get(membership__user__name="Dora"),
        ("console-user", "user-"): lambda: acme.members.get(name="Alice"),
        ("provider-",): IdentityProvider.objects.get,
    }
    found = next((row for starts, row in rows.items() if name.startswith(starts)), None)
    return found() if found else latest_operation(application)


def path_of(name: str, application: Application) -> str:
    values = {
        "tenant": application.tenant.slug,
        "slug": application.slug,
        "pk": row_of(name, application).pk,
        "override": application.tenant.overrides.get().pk,
        "token": "not-the-token",
        "member": application.tenant.memberships.get(user__name="Greta").pk,
        "invitation": invitation_to(application.tenant).pk,
        "rest": "v1/no/such/thing",
        "uid": "MQ",
        "number": "00000000-0000-4000-8000-000000000000",
        "provider": "nobodys",
    }
    route = next(route for route, pattern in all_urls() if pattern.name == name)
    return "/" + re.sub(r"<\w+:(\w+)>", lambda match: str(values[match[1]]), route)


def bearer(secret: str) -> dict[str, str]:
    return {"host": django_settings.ENVIRONMENT.host, "authorization": f"Bearer {secret}"}


def invitation_to(tenant: Tenant) -> Invitation:
    return tenant.invitations.first() or open_invitation(
        tenant,
        "newcomer@example.com",
        Role.VIEWER,
        {},
        token_digest=tenant.slug,
        was_mailed=False,
        invited_by=tenant.members.first(),
        expires_at=timezone.now() + timedelta(hours=1),
    )


def outcome(response) -> object:
    if response.status_code == 302 and response["Location"].startswith("/sign-in/?next="):
        return "sign-in"
    return response.status_code if response.status_code in {401, 403, 404} else "ok"


def test_every_url_has_a_row():
    named = {pattern.name for _, pattern in all_urls()}
    assert named == {name for _, name in MATRIX}


def test_every_url_of_the_api_has_a_row_for_tokens():
    named = {pattern.name for route, pattern in all_urls() if route.startswith("api/v1/t/")}
    assert named == {name for _, name in API_MATRIX}
    assert all(MATRIX[key] == TOKENS_ONLY for key in API_MATRIX)


@contextmanager
def undone() -> Iterator[None]:
    """What is changed within is as if it had not been: many try the same page, each on the same rows."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask(method: str, path: str, user: User | None = None, *, as_dora: User | None = None) -> object:
    """The outcome of a request by somebody signed in, or by nobody."""
    client = Client(headers={"host": django_settings.ENVIRONMENT.host})
    if user is not None:
        client.force_login(user)
    if as_dora is not None:
        look_through(client, user, as_dora.tenants.get(), as_dora)
    response = client.generic(method, path)
    assert response.status_code < 500, response.content
    return outcome(response)


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "name"), ROWS)
def test_access(method, name, application, tokens, cast):
    path = path_of(name, application)
    found = {}
    for person, user in cast.items():
        with undone():
            found[person] = ask(method, path, user, as_dora=cast["dora"] if person == AS_DORA else None)
    assert found == ROWS[method, name]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "name"), API_MATRIX)
def test_access_by_token(method, name, application, other, tokens, client):
    path = path_of(name, application)
    row = API_MATRIX[method, name]
    elsewhere = path.replace("/t/acme/", "/t/other/")
    halted = {token: expected if method == "GET" else 403 for token, expected in row.items()}

    def ask_all(path: str) -> dict[str, object]:
        return {token: outcome(client.generic(method, path, headers=bearer(tokens[token]))) for token in row}

    assert ask_all(path) == row
    assert ask_all(elsewhere) == dict.fromkeys(row, 404)
    Tenant.objects.filter(slug="acme").update(suspended_at=timezone.now())
    assert ask_all(path) == halted


@pytest.mark.django_db
def test_to_pages_whoever_comes_with_a_token_is_nobody(application, tokens, client):
    for method, name in set(MATRIX) - set(API_MATRIX):
        with undone():
            response = client.generic(method, path_of(name, application), headers=bearer(tokens["tenant"]))
        assert outcome(response) == MATRIX[method, name]["anonymous"], name


@pytest.mark.django_db
def test_an_owner_elsewhere_cannot_reach_ours_through_their_own_tenant(application, cast, other):
    """The same application's slug, the operation's number, under a tenant in which one may do everything."""
    for method, name in NAMING_AN_APPLICATION:
        path = path_of(name, application).replace("/t/acme/", "/t/other/")
        assert ask(method, path, cast["charlie"]) == 404, name


@pytest.mark.django_db
def test_an_operation_of_ours_does_not_show_under_another_tenant(application, cast, other, client, settings):
    client.force_login(cast["charlie"])
    path = f"/t/other/operations/{latest_operation(application).pk}/"
    assert client.get(path, headers={"host": settings.ENVIRONMENT.host}).status_code == 404


@pytest.mark.django_db
def test_to_a_guest_there_are_no_applications_but_those_granted(application, cast):
    make_application(application.tenant, "secret")
    for method, name in NAMING_AN_APPLICATION:
        for slug in ("secret", "missing"):
            path = path_of(name, application).replace("/shop/", f"/{slug}/")
            assert ask(method, path, cast["greta"]) == 404, name


@pytest.mark.django_db
def test_a_guest_sees_no_trace_of_what_was_not_granted(application, cast, client, settings):
    secret = make_application(application.tenant, "secret")
    client.force_login(cast["greta"])
    host = {"host": settings.ENVIRONMENT.host}
    for name in ("tenant-overview", "application-list"):
        page = client.get(path_of(name, application), headers=host).content.decode()
        assert "shop" in page
        assert "secret" not in page
    assert client.get(path_of("operation-detail", secret), headers=host).status_code == 404
    assert client.post(path_of("operation-cancel", secret), headers=host).status_code == 404


@pytest.mark.django_db
def test_a_token_of_ours_cannot_be_revoked_under_another_tenant(application, tokens, cast, other, client, settings):
    client.force_login(cast["charlie"])
    path = path_of("token-revoke", application).replace("/t/acme/", "/t/other/")
    assert client.post(path, headers={"host": settings.ENVIRONMENT.host}).status_code == 404


#: What only looks. Everything else is refused in a suspended tenant.
LOOKING = [
    (method, name)
    for (method, name), row in MATRIX.items()
    if method == "GET" and (row in (MEMBERS, SEEING, ACTIVITY, TEAM) or name == "member-detail")
]


#: Of the owners of a tenant that is being deleted: they may undo it.
UNDOING = [key for key, row in MATRIX.items() if row == OWNERS]
SUSPENDED = {"suspended_at": timezone.now()}
CLOSED = {"closed_at": timezone.now(), "erase_at": timezone.now() + timedelta(days=1)}


@pytest.mark.django_db
@pytest.mark.parametrize("halted", [SUSPENDED, CLOSED], ids=["suspended", "closed"])
@pytest.mark.parametrize("person", [*INSIDE, AS_DORA])
def test_in_a_halted_tenant_members_may_look_and_change_nothing(
    person, halted, application, tokens, cast, client, settings
):
    client.force_login(cast[person])
    if person == AS_DORA:
        look_through(client, cast["oscar"], application.tenant, cast["dora"])
    for (method, name), row in ROWS.items():
        if not is_of_the_tenant(name):
            continue
        Tenant.objects.filter(slug="acme").update(**halted)  # again each time: an owner may reopen it
        response = client.generic(method, path_of(name, application), headers={"host": settings.ENVIRONMENT.host})
        is_left = (method, name) in LOOKING or (halted == CLOSED and (method, name) in UNDOING)
        assert outcome(response) == (row[person] if is_left else 403), name


@pytest.mark.django_db
def test_a_refused_change_is_in_the_tenants_log(application, cast, client, settings):
    client.force_login(cast["vera"])
    client.post(path_of("application-stop", application), headers={"host": settings.ENVIRONMENT.host})
    event = Event.objects.get(action="application.stop", result=Result.REFUSED)
    assert (event.tenant_label, event.actor_label, event.data["code"]) == ("Acme", "vera@example.com", "forbidden")


@pytest.mark.django_db
def test_values_of_variables_are_never_on_a_page_for_viewers(acme, cast, sign_in_anew):
    own_image("httpd:1", "sha256:0")
    make_application(acme, "vault", make_spec(), TOKEN="s3cr3t-value")
    for person, shows in {"vera": False, "dora": False, "adam": True, "alice": True}.items():
        client = sign_in_anew(cast[person])
        names = client.get("/t/acme/applications/vault/variables/").content.decode()
        values = client.get("/t/acme/applications/vault/variables/reveal/").content.decode()
        assert "TOKEN" in names
        assert "s3cr3t-value" not in names
        assert ("s3cr3t-value" in values) is shows
    assert Event.objects.filter(action="application.reveal-variables", result=Result.DONE).count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/t/acme/applications/shop/delete/",
        "/t/acme/applications/shop/variables/reveal/",
        "/t/acme/close/",
        "/t/acme/tokens/new/",
        "/account/tokens/acme/new/",
    ],
)
def test_what_is_dangerous_asks_again_who_it_is(path, application, alice, sign_in, sign_in_anew):
    assert sign_in(alice).get(path)["Location"].startswith("/account/confirm/?next=")
    assert sign_in_anew(alice).get(path).status_code == 200


@pytest.mark.django_db
def test_a_change_of_role_holds_at_the_next_request(application, cast, client, settings, acme):
    client.force_login(cast["vera"])
    path = path_of("application-stop", application)
    assert client.post(path, headers={"host": settings.ENVIRONMENT.host}).status_code == 403
    add_member(acme, cast["vera"], Role.OWNER, actor=SYSTEM)
    assert client.post(path, headers={"host": settings.ENVIRONMENT.host}).status_code == 302
    assert Operation.objects.filter(kind="stop").exists()
