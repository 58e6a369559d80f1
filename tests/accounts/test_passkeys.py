"""Passkeys: alone, or after the password; and the answers that are none."""

import json

import pytest
from django.conf import settings

from apps.accounts.models import Passkey
from apps.audit.models import Event
from tests.support.authenticator import USER_PRESENT, Authenticator
from tests.support.people import browser, has_app, is_signed_in, signs_in

pytestmark = pytest.mark.django_db
ORIGIN = settings.ENVIRONMENT.base_url
NEW = "/account/second-factor/passkeys/new/"


def has_passkey(email: str = "alice@example.com", **values) -> Authenticator:
    """Sign in, make a passkey, and sign out."""
    client, authenticator = browser(), Authenticator(ORIGIN, **values)
    signs_in(client, email)
    options = client.post("/account/second-factor/passkeys/options/").json()
    answer = client.post(NEW, {"name": "Laptop", "answer": authenticator.make(options)})
    assert answer.status_code in {200, 302}, answer.content
    return authenticator


def uses(client, authenticator: Authenticator, **more: str):
    options = client.post("/sign-in/passkey/options/").json()
    return client.post("/sign-in/passkey/", {"answer": authenticator.use(options), **more})


def test_a_passkey_signs_in_by_itself(alice, visitor):
    authenticator = has_passkey()
    assert uses(visitor, authenticator, next="/account/sessions/")["Location"] == "/account/sessions/"
    assert is_signed_in(visitor)
    assert Event.objects.filter(action="session.sign-in").latest("id").data["how"] == "passkey"


def test_the_first_passkey_brings_recovery_codes(alice):
    has_passkey()
    assert alice.recovery_codes.exists()


def test_a_passkey_goes_the_second_half_after_the_password(alice, visitor):
    authenticator = has_passkey()
    assert signs_in(visitor)["Location"] == "/sign-in/second-factor/"
    assert uses(visitor, authenticator)["Location"] == "/"
    assert is_signed_in(visitor)


def test_a_key_without_finger_or_pin_is_a_second_factor_only(alice):
    authenticator = has_passkey(flags=USER_PRESENT)
    alone, after = browser(), browser()
    assert uses(alone, authenticator)["Location"] == "/sign-in/"
    assert not is_signed_in(alone)
    signs_in(after)
    assert uses(after, authenticator)["Location"] == "/"


def test_it_is_asked_for_once_more_before_dangerous_acts(alice, sign_in):
    authenticator = has_passkey()
    client = sign_in(alice)
    options = client.post("/account/confirm/passkey/").json()
    client.post("/account/confirm/", {"answer": authenticator.use(options), "next": "/account/"})
    assert client.get("/account/password/").status_code == 200


def test_somebody_elses_passkey_does_not_go_the_second_half(alice, vera, visitor):
    has_app(alice)
    theirs = has_passkey(vera.email, credential_id=b"veras")
    signs_in(visitor)
    assert uses(visitor, theirs)["Location"] == "/sign-in/second-factor/"
    assert not is_signed_in(visitor)


def test_a_question_to_somebody_halfway_in_is_not_answered_by_a_stranger(alice, vera, visitor, monkeypatch):
    """It asks for no finger, since a password came before: but for another person, and not for ever."""
    stolen = has_passkey(flags=USER_PRESENT)
    has_app(vera)
    signs_in(visitor, vera.email)
    options = visitor.post("/sign-in/passkey/options/").json()
    visitor.get("/sign-in/")  # halfway no more
    visitor.post("/sign-in/passkey/", {"answer": stolen.use(options)})
    assert not is_signed_in(visitor)


def test_an_answer_for_another_site_is_refused(alice, visitor):
    authenticator = has_passkey()
    authenticator.origin = "https://evil.example"
    uses(visitor, authenticator)
    assert not is_signed_in(visitor)


def test_an_answer_to_another_question_is_refused(alice, visitor):
    authenticator = has_passkey()
    options = browser().post("/sign-in/passkey/options/").json()
    visitor.post("/sign-in/passkey/options/")
    visitor.post("/sign-in/passkey/", {"answer": authenticator.use(options)})
    assert not is_signed_in(visitor)


def test_an_answer_counts_once(alice):
    authenticator = has_passkey()
    first, second = browser(), browser()
    options = first.post("/sign-in/passkey/options/").json()
    answer = authenticator.use(options)
    first.post("/sign-in/passkey/", {"answer": answer})
    second.cookies.load({name: morsel.value for name, morsel in first.cookies.items()})
    first.post("/sign-out/")
    second.post("/sign-in/passkey/", {"answer": answer})
    assert not is_signed_in(second)


def test_a_copy_whose_counter_lags_behind_is_refused(alice, visitor):
    authenticator = has_passkey()
    uses(browser(), authenticator)
    authenticator.counter = 0
    uses(visitor, authenticator)
    assert not is_signed_in(visitor)


def test_a_passkey_of_somebody_deactivated_is_refused(alice, visitor):
    authenticator = has_passkey()
    alice.is_active = False
    alice.save()
    uses(visitor, authenticator)
    assert not is_signed_in(visitor)


@pytest.mark.parametrize(
    "answer",
    [
        "", "[]", "{}", "null", "{" * 5000, '{"id": 7}', '{"id": "Y3JlZGVudGlhbC1vZi10aGUtdGVzdA"}',
        json.dumps({"id": "Y3JlZGVudGlhbC1vZi10aGUtdGVzdA", "rawId": "x", "type": "public-key", "response": {}}),
        json.dumps({
            "id": "Y3JlZGVudGlhbC1vZi10aGUtdGVzdA", "rawId": "Y3JlZGVudGlhbC1vZi10aGUtdGVzdA", "type": "public-key",
            "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": ""},
        }),
        json.dumps({
            "id": "Y3JlZGVudGlhbC1vZi10aGUtdGVzdA", "rawId": "Y3JlZGVudGlhbC1vZi10aGUtdGVzdA", "type": "public-key",
            "response": {"clientDataJSON": "bm90IGpzb24", "authenticatorData": 5, "signature": None},
        }),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(alice, vera, visitor, answer):
    has_passkey()
    visitor.post("/sign-in/passkey/options/")
    assert visitor.post("/sign-in/passkey/", {"answer": answer})["Location"] == "/sign-in/"
    making = browser()
    signs_in(making, vera.email)
    making.post("/account/second-factor/passkeys/options/")
    assert making.post(NEW, {"name": "x", "answer": answer}).status_code == 422


def test_a_passkey_is_changed_by_its_owner_only(alice, vera):
    has_passkey()
    passkey, stranger = Passkey.objects.get(), browser()
    signs_in(stranger, vera.email)
    for act in ("rename", "remove"):
        path = f"/account/second-factor/passkeys/{passkey.pk}/{act}/"
        assert stranger.post(path, {"name": "Mine"}).status_code == 404


def test_its_owner_renames_and_removes_it(alice, visitor):
    uses(visitor, has_passkey())
    path = f"/account/second-factor/passkeys/{Passkey.objects.get().pk}"
    visitor.post(f"{path}/rename/", {"name": "Old laptop"})
    assert Passkey.objects.get().name == "Old laptop"
    visitor.post(f"{path}/remove/")
    assert not Passkey.objects.exists()
    assert not alice.recovery_codes.exists()


@pytest.mark.parametrize("number", ["\0", "x" * 2_000, "", "a b"])
def test_an_answer_of_no_passkey_is_refused_whatever_it_says(number, db):
    visitor = browser()
    visitor.post("/sign-in/passkey/", {"answer": json.dumps({"id": number})})
    assert not is_signed_in(visitor)
