"""Every socket × the cast → what they get, at a running Berth; and an open one whose right has ended."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from apps.streams.routing import APPLICATIONS
from tests.support.system import System, running_system
from tests.support.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.engine

OPEN, SIGN_IN, FORBIDDEN, NOTHING = "open", 4401, 4403, 4404
INSIDE = ("alice", "adam", "dora", "vera", "arthur", "greta")
#: The operator in a session in which he looks at acme through its developer.
AS_DORA = "oscar as dora"
MEMBERS = dict.fromkeys((*INSIDE, AS_DORA), OPEN) | {"charlie": NOTHING, "oscar": NOTHING, "anonymous": SIGN_IN}
#: Of one application, on which greta is a developer.
SEEING = MEMBERS | {"arthur": FORBIDDEN}
OPERATORS = dict.fromkeys((*INSIDE, "charlie"), NOTHING) | {"oscar": OPEN, AS_DORA: OPEN, "anonymous": SIGN_IN}

MATRIX = {
    "ws/console/live/": OPERATORS,
    "ws/t/<slug:tenant>/live/": MEMBERS,
    "ws/t/<slug:tenant>/applications/<slug:application>/logs/": SEEING,
    "ws/t/<slug:tenant>/applications/<slug:application>/stats/": SEEING,
}
CASES = [(route, person, expected) for route, row in MATRIX.items() for person, expected in row.items()]

#: Makes the cast with a session each, and prints the keys of the sessions and the topics of the applications.
SEED = """
import json
from importlib import import_module
from django.conf import settings
from apps.audit.actor import SYSTEM
from apps.tenants.members import add_member
from apps.tenants.permissions import Role
from apps.tenants.impersonation import begin_impersonation
from tests.factories import make_application, make_tenant, make_user
engine = import_module(settings.SESSION_ENGINE)
people = {name: make_user(name) for name in ("alice", "adam", "dora", "vera", "arthur", "greta", "charlie")}
people["oscar"] = make_user("oscar", is_operator=True)
def session_of(user):
    session = engine.SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    return session.session_key
people["robin"], people["dan"] = make_user("robin"), make_user("dan")
acme = make_tenant(
    "acme", people["alice"], admin=people["adam"], developer=people["dora"], viewer=people["vera"],
    auditor=people["arthur"], guest=people["greta"],
)
for name in ("robin", "dan"):
    add_member(acme, people[name], Role.DEVELOPER, actor=SYSTEM)
members = {name: people[name].memberships.get().pk for name in ("robin", "dan")}
other = make_tenant("other", people["charlie"])
shop = make_application(acme, "shop")
people["greta"].memberships.get().grants.create(application_id=shop.pk, role="developer")
sessions = {name: session_of(user) for name, user in people.items()}
looking = engine.SessionStore(session_of(people["oscar"]))
looking["impersonation"] = begin_impersonation(
    acme, operator=people["oscar"], member=people["dora"], reason="Ticket 7", session_key=looking.session_key,
    actor=SYSTEM,
).pk
looking.save()
sessions["oscar as dora"] = looking.session_key
topics = [shop.topic, make_application(other, "theirs").topic, make_application(acme, "secret").topic]
print(json.dumps({"sessions": sessions, "topics": topics, "acme": acme.pk, "members": members}))
"""


@dataclass(frozen=True)
class Place:
    system: System
    sessions: dict[str, str]
    topics: list[str]
    acme: int
    #: The numbers of the members whom the pages change.
    members: dict[str, int]

    def open(self, path: str, person: str, origin: str = "") -> ClientConnection:
        headers = {"Cookie": f"__Host-session={self.sessions.get(person, '')}"}
        url = f"{self.system.base_url.replace('http', 'ws', 1)}/{path}"
        return connect(url, origin=origin or self.system.base_url, additional_headers=headers, open_timeout=10)

    def browse(self, person: str) -> Visitor:
        return Visitor(self.system.base_url, {"__Host-session": self.sessions[person]})


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with running_system() as system:
        seeded = json.loads(system.manage("shell", "-v", "0", "-c", SEED).strip().splitlines()[-1])
        yield Place(system, **seeded)


def path_to(route: str) -> str:
    return route.replace("<slug:tenant>", "acme").replace("<slug:application>", "shop")


def outcome(socket: ClientConnection, within_s: float = 1) -> object:
    """`open`, or the code with which it was closed within that time."""
    with socket:
        try:
            while True:
                socket.recv(timeout=within_s)
        except TimeoutError:
            return OPEN
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


def test_every_socket_has_a_row():
    assert set(APPLICATIONS) == set(MATRIX)


@pytest.mark.parametrize(("route", "person", "expected"), CASES)
def test_access(route, person, expected, place):
    assert outcome(place.open(path_to(route), person)) == expected


def test_an_operator_who_looks_at_one_tenant_sees_no_other(place):
    assert outcome(place.open("ws/t/other/live/", AS_DORA)) == NOTHING


@pytest.mark.parametrize("kind", ["logs", "stats"])
def test_an_application_of_ours_does_not_open_under_another_tenant(kind, place):
    assert outcome(place.open(f"ws/t/other/applications/shop/{kind}/", "charlie")) == NOTHING


def test_another_origin_is_refused(place):
    with pytest.raises(InvalidStatus, match="403"):
        place.open("ws/t/acme/live/", "alice", origin="https://evil.example")


def test_a_token_of_the_api_opens_no_socket(place):
    make = "from tests.factories import *; acme = Tenant.objects.get(slug='acme')"
    make += "; print(make_token(acme, User.objects.get(name='Alice'))[1])"
    secret = place.system.manage("shell", "-v", "0", "-c", make).strip().splitlines()[-1]
    url = f"{place.system.base_url.replace('http', 'ws', 1)}/ws/t/acme/live/"
    headers = {"Authorization": f"Bearer {secret}"}
    socket = connect(url, origin=place.system.base_url, additional_headers=headers, open_timeout=10)
    assert outcome(socket) == SIGN_IN


def test_only_topics_of_ones_own_tenant_are_heard(place):
    ours, theirs, _ = place.topics
    with place.open("ws/t/acme/live/", "alice") as socket:
        socket.send(json.dumps({"topics": [ours, theirs, "operations", f"tenant:{place.acme}", "tenant:999"]}))
        answer = json.loads(socket.recv(timeout=10))
    assert answer == {"topics": sorted([ours, f"tenant:{place.acme}"])}


def test_a_guest_hears_and_opens_only_what_was_granted(place):
    shop, _, secret = place.topics
    with place.open("ws/t/acme/live/", "greta") as socket:
        socket.send(json.dumps({"topics": [shop, secret]}))
        assert json.loads(socket.recv(timeout=10)) == {"topics": [shop]}
    for slug in ("secret", "missing"):
        assert outcome(place.open(f"ws/t/acme/applications/{slug}/logs/", "greta")) == NOTHING


def test_an_open_socket_closes_after_its_right_has_ended(place):
    socket = place.open("ws/t/acme/applications/shop/logs/", "vera")
    remove = "from apps.tenants.models import Membership; Membership.objects.filter(user__name='Vera').delete()"
    place.system.manage("shell", "-v", "0", "-c", remove)
    assert outcome(socket, within_s=10) == FORBIDDEN


def test_an_open_socket_closes_after_its_grant_has_ended(place):
    socket = place.open("ws/t/acme/applications/shop/logs/", "greta")
    place.system.manage("shell", "-v", "0", "-c", "from apps.tenants.models import Grant; Grant.objects.all().delete()")
    assert outcome(socket, within_s=10) == FORBIDDEN


@pytest.mark.parametrize("person", ["robin", "dan"])
def test_an_open_socket_closes_after_its_member_was_removed_or_demoted_on_the_page(person, place):
    socket = place.open("ws/t/acme/applications/shop/logs/", person)
    alice = place.browse("alice")
    page = f"/t/acme/members/{place.members[person]}/"
    if person == "robin":
        alice.get(f"{page}remove/")
        alice.post(f"{page}remove/")
    else:
        alice.get(f"{page}role/")
        alice.post(f"{page}role/", role="auditor")
    assert outcome(socket, within_s=10) == FORBIDDEN


def test_an_open_socket_closes_when_the_operator_does_not_look_any_more(place):
    socket = place.open("ws/t/acme/applications/shop/logs/", AS_DORA)
    end = "from apps.tenants.models import Impersonation as I; I.objects.update(ends_at=I.objects.get().created_at)"
    place.system.manage("shell", "-v", "0", "-c", end)
    assert outcome(socket, within_s=10) == FORBIDDEN
    assert outcome(place.open("ws/t/acme/live/", AS_DORA)) == NOTHING


def signed_in(place: Place, email: str) -> Visitor:
    visitor = Visitor(place.system.base_url)
    visitor.get("/sign-in/")
    visitor.post("/sign-in/", email=email, password=PASSWORD)
    return visitor


def test_an_open_socket_closes_within_seconds_of_its_session_being_revoked_elsewhere(place):
    laptop, phone = signed_in(place, "charlie@example.com"), signed_in(place, "charlie@example.com")
    place.sessions["charlie's phone"] = phone.cookies["__Host-session"]
    socket = place.open("ws/t/other/live/", "charlie's phone")
    laptop.get("/account/sessions/")
    laptop.post("/account/sessions/others/revoke/")
    assert outcome(socket, within_s=5) == FORBIDDEN


def test_nothing_is_heard_without_a_second_factor_that_the_operator_demands(place):
    rule = (
        "from apps.accounts.models import SignInPolicy;"
        "SignInPolicy.objects.update_or_create(pk=1, defaults={{'second_factor': '{}'}})"
    )
    place.system.manage("shell", "-v", "0", "-c", rule.format("everybody"))
    try:
        assert outcome(place.open("ws/t/acme/live/", "alice")) == FORBIDDEN
    finally:
        place.system.manage("shell", "-v", "0", "-c", rule.format("nobody"))
    assert outcome(place.open("ws/t/acme/live/", "alice")) == OPEN
