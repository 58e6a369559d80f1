"""What somebody without any right, or without any manners, can do to those who have both."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client

from apps.accounts import services as accounts
from apps.audit.actor import Actor
from apps.audit.models import Event, Result
from apps.audit.queries import MAX_REFUSALS
from apps.console.services import set_up
from apps.containers import services
from apps.core.errors import Busy, InvalidInput, NotFound, PanelError
from apps.nodes.services import local_node, new_setup_token
from apps.streams.logs import _cursor
from panel.body_limit import MAX_BODY_BYTES, limit_body
from tests.factories import make_application, make_spec
from tests.support.visitor import PASSWORD

HOST = {"host": settings.ENVIRONMENT.host}
SPEC = {"image": "berth.internal/httpd:1", "name": "shop", "memory_mib": "64", "cpu": "0.25"}


def sign_in_from(address: str, password: str, email: str = "alice@example.com") -> int:
    return (
        Client(headers=HOST, REMOTE_ADDR=address).post("/sign-in/", {"email": email, "password": password}).status_code
    )


def at_once(*actions) -> list[object]:
    """Run these in threads that begin together; what each returned, or the PanelError that it raised."""
    barrier = threading.Barrier(len(actions))

    def run(action) -> object:
        barrier.wait()
        try:
            return action()
        except PanelError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


# --- signing in -------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_stranger_cannot_lock_a_person_out(alice):
    for _ in range(accounts.FAILURES_PER_ACCOUNT):
        assert sign_in_from("203.0.113.9", "wrong") == 422
    assert sign_in_from("203.0.113.9", PASSWORD) == 429
    assert sign_in_from("198.51.100.1", PASSWORD) == 302


@pytest.mark.django_db
def test_many_addresses_together_cannot_guess_without_end(alice):
    for number in range(accounts.FAILURES_PER_ACCOUNT_ANYWHERE):
        sign_in_from(f"203.0.113.{number}", "wrong")
    assert sign_in_from("198.51.100.1", PASSWORD) == 429


@pytest.mark.django_db
def test_a_long_address_is_counted_like_any_other(alice):
    email = "a" * 60 + "@" + "b" * 60 + ".example.com"
    for _ in range(accounts.FAILURES_PER_ACCOUNT):
        assert sign_in_from("203.0.113.9", "wrong", email) == 422
    assert sign_in_from("203.0.113.9", "wrong", email) == 429


@pytest.mark.django_db(transaction=True)
def test_a_burst_of_guesses_does_not_get_past_the_counting(alice):
    statuses = at_once(*[lambda: sign_in_from("203.0.113.9", "wrong")] * 16)
    assert statuses.count(422) <= accounts.FAILURES_PER_ACCOUNT + 1, "one more may have been on its way"
    assert statuses.count(429) == 16 - statuses.count(422)


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["foo", "application-list", "javascript:alert(1)", "\\\\evil.example"])
def test_no_target_of_a_sign_in_is_anything_but_a_page_of_ours(alice, target):
    response = Client(headers=HOST).post("/sign-in/", {"email": alice.email, "password": PASSWORD, "next": target})
    assert response["Location"] == "/"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_the_set_up_link_at_once_one_becomes_the_operator():
    token = new_setup_token() or ""
    local_node()

    def use(name: str):
        return set_up(
            token, installation_name="Berth", name=name, email=f"{name}@example.com", password=PASSWORD,
            actor=Actor(user_id=None, label="anonymous"),
        )  # fmt: skip

    answers = at_once(lambda: use("oscar"), lambda: use("mallory"))
    assert sum(isinstance(answer, NotFound) for answer in answers) == 1


# --- the audit log ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_nobody_unknown_can_fill_the_audit_log(acme):
    for path in ("/set-up/guess/", "/t/acme/applications/shop/deploy/"):
        Client(headers=HOST).post(path)
    assert not Event.objects.filter(result=Result.REFUSED).exists()


@pytest.mark.django_db
def test_a_person_cannot_bury_the_audit_log(acme, vera, sign_in):
    client = sign_in(vera)
    for _ in range(MAX_REFUSALS + 5):
        assert client.post("/t/acme/applications/shop/deploy/").status_code == 403
    assert Event.objects.filter(result=Result.REFUSED).count() == MAX_REFUSALS


@pytest.mark.django_db
def test_a_refusal_names_the_page_and_not_the_secret_in_its_address(alice, sign_in):
    sign_in(alice).post("/set-up/the-token-of-somebody/")
    assert "the-token" not in str(Event.objects.get(result=Result.REFUSED).data)


# --- bodies, numbers, characters --------------------------------------------------------------------------------------
@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_refused_before_it_is_kept(announced):
    sent: list[dict] = []
    read: list[dict] = []

    async def application(_scope, receive, _send) -> None:
        while (message := await receive())["type"] == "http.request":
            read.append(message)

    async def receive() -> dict:
        return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

    async def send(message: dict) -> None:
        sent.append(message)

    headers = [(b"content-length", str(MAX_BODY_BYTES + 1).encode())] if announced else []
    asyncio.run(limit_body(application)({"type": "http", "headers": headers}, receive, send))
    assert sent[0]["status"] == 413
    assert sum(len(message["body"]) for message in read) <= MAX_BODY_BYTES
    assert bool(read) is not announced


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["9" * 4000, "1e999999", "-1e999999", "NaN", "Infinity"])
@pytest.mark.parametrize("field", ["memory_mib", "cpu", "port"])
def test_a_number_without_measure_is_an_error_of_its_field(acme, alice, sign_in, field, number):
    response = sign_in(alice).post("/t/acme/new/image/", SPEC | {field: number})
    assert response.status_code == 422
    assert field in response.context["form"].errors


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/t/acme/applications/?q=%00x", "/t/acme/activity/?actor=%00&action=%00&result=%00"])
def test_a_nul_character_in_a_search_is_no_fault_of_ours(acme, alice, sign_in, path):
    assert sign_in(alice).get(path).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/t/acme/operations/{}/", "/console/operations/{}/"])
def test_a_number_that_no_row_can_have_names_nothing(acme, alice, sign_in, path):
    assert sign_in(alice).get(path.format("9" * 30)).status_code == 404


@pytest.mark.parametrize("stamp", ["2026-02-31T00:00:00.000000000", "2026-13-01T00:00:00.000000000"])
def test_a_place_in_a_log_at_no_real_time_is_ignored(stamp):
    assert _cursor({"o": [stamp, 0], "e": [stamp, 0]}) is None


# --- two at the same moment -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_applications_of_one_name_at_once_are_one_and_a_sentence(acme):
    local_node()

    def create():
        return services.create_application(acme, "shop", make_spec(), {}, actor=Actor(None, "x"))

    answers = at_once(create, create)
    assert sum(isinstance(answer, InvalidInput) for answer in answers) == 1
    assert acme.applications.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_deploys_at_once_are_two_releases_or_a_sentence(acme):
    application = make_application(acme)
    connection.close()

    def deploy():
        return services.deploy_application(application, actor=Actor(None, "x"))

    answers = at_once(deploy, deploy, deploy, deploy)
    assert all(not isinstance(answer, PanelError) or isinstance(answer, Busy) for answer in answers)
    accepted = [answer for answer in answers if not isinstance(answer, PanelError)]
    # Each replaced the wish that waited before it, whose release never was one.
    assert application.releases.get().number == 1 + len(accepted)
