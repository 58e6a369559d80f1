"""A second factor: set up, asked for, used once, guessed at in vain."""

import time

import pytest

from apps.accounts import second_factor
from apps.accounts.models import AuthenticatorApp, RecoveryCode
from apps.audit.actor import SYSTEM, Actor
from apps.audit.models import Event, Result
from apps.core.errors import InvalidInput
from tests.security.test_strangers import at_once
from tests.support.people import browser, code_of, confirm, has_app, is_signed_in, signs_in

pytestmark = pytest.mark.django_db
SECOND = "/sign-in/second-factor/"


def set_up(client) -> tuple[str, list[str]]:
    """The app's secret, and the recovery codes that are shown."""
    proposed = client.get("/account/second-factor/app/").context["proposed"]
    answer = client.post("/account/second-factor/app/", {"token": proposed.token, "code": code_of(proposed.secret)})
    return proposed.secret, answer.context["codes"]


# --- setting up -------------------------------------------------------------------------------------------------------
def test_an_app_is_set_up_by_its_first_code_and_brings_recovery_codes(alice, visitor):
    signs_in(visitor)
    _, codes = set_up(visitor)
    assert len(codes) == len(set(codes)) == second_factor.RECOVERY_CODES
    actions = set(Event.objects.values_list("action", flat=True))
    assert {"factor.add-app", "factor.recovery-codes"} <= actions


def test_a_wrong_first_code_keeps_nothing_and_the_same_secret_is_shown_again(alice, visitor):
    signs_in(visitor)
    proposed = visitor.get("/account/second-factor/app/").context["proposed"]
    answer = visitor.post("/account/second-factor/app/", {"token": proposed.token, "code": "000000"})
    assert answer.status_code == 422
    assert answer.context["proposed"].secret == proposed.secret
    assert not AuthenticatorApp.objects.exists()


def test_a_secret_that_was_proposed_to_somebody_else_is_not_taken(alice, vera):
    token = second_factor.propose_app(vera, "panel").token
    secret = second_factor.propose_app(vera, "panel", token).secret
    with pytest.raises(InvalidInput):
        second_factor.add_app(alice, token, code_of(secret), actor=SYSTEM)


def test_secrets_are_encrypted_and_recovery_codes_only_hashed(alice, visitor, django_db_blocker):
    signs_in(visitor)
    secret, codes = set_up(visitor)
    rows = [
        *AuthenticatorApp.objects.extra(select={"raw": "secret"}).values_list("raw", flat=True),
        *RecoveryCode.objects.values_list("digest", flat=True),
    ]
    assert secret not in rows
    assert not {code.replace("-", "") for code in codes} & set(rows)


# --- signing in -------------------------------------------------------------------------------------------------------
def test_the_password_alone_does_not_open_the_session(alice, visitor):
    has_app(alice)
    assert signs_in(visitor)["Location"] == SECOND
    assert not is_signed_in(visitor)
    assert not Event.objects.filter(action="session.sign-in").exists()


def test_a_code_of_the_app_goes_the_second_half(alice, visitor):
    secret = has_app(alice)
    signs_in(visitor, next="/account/sessions/")
    assert visitor.post(SECOND, {"code": code_of(secret)})["Location"] == "/account/sessions/"
    assert is_signed_in(visitor)
    assert Event.objects.get(action="session.sign-in").data["how"] == "password, code"
    assert Event.objects.get(action="session.second-factor").result == Result.DONE


@pytest.mark.parametrize("periods", [-1, 1])
def test_a_clock_that_is_half_a_minute_off_is_forgiven(alice, visitor, periods):
    secret = has_app(alice)
    signs_in(visitor)
    assert visitor.post(SECOND, {"code": code_of(secret, periods)}).status_code == 302


def test_an_old_code_is_not(alice, visitor):
    secret = has_app(alice)
    signs_in(visitor)
    assert visitor.post(SECOND, {"code": code_of(secret, -3)}).status_code == 422


def test_a_code_counts_once(alice):
    secret = has_app(alice)
    code = code_of(secret)
    for expected in (302, 422):
        client = browser()
        signs_in(client)
        assert client.post(SECOND, {"code": code}).status_code == expected


def test_a_recovery_code_goes_the_second_half_once_however_it_is_typed(alice):
    has_app(alice)
    code = second_factor.make_recovery_codes(alice, actor=SYSTEM)[0]
    for typed, expected in ((code.upper().replace("-", " "), 302), (code, 422)):
        client = browser()
        signs_in(client)
        assert client.post(SECOND, {"code": typed}).status_code == expected
    assert alice.recovery_codes.count() == second_factor.RECOVERY_CODES - 1
    assert Event.objects.filter(action="factor.use-recovery-code").count() == 1


def test_new_recovery_codes_void_the_old(alice):
    has_app(alice)
    old = second_factor.make_recovery_codes(alice, actor=SYSTEM)[0]
    second_factor.make_recovery_codes(alice, actor=SYSTEM)
    with pytest.raises(InvalidInput):
        second_factor.use_code(alice, old, actor=SYSTEM)


def test_the_half_way_ends_after_ten_minutes(alice, visitor, monkeypatch):
    secret = has_app(alice)
    signs_in(visitor)
    code = code_of(secret, 20)
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    assert visitor.post(SECOND, {"code": code})["Location"] == "/sign-in/"


def test_the_half_way_ends_with_a_new_password(alice, visitor):
    secret = has_app(alice)
    signs_in(visitor)
    alice.set_password("something quite different")
    alice.save()
    assert visitor.post(SECOND, {"code": code_of(secret)})["Location"] == "/sign-in/"


# --- guessing ---------------------------------------------------------------------------------------------------------
def test_codes_are_throttled_even_the_right_one(alice, visitor):
    secret = has_app(alice)
    signs_in(visitor)
    for _ in range(second_factor.CODE_FAILURES_PER_ACCOUNT):
        assert visitor.post(SECOND, {"code": "000000"}).status_code == 422
    assert visitor.post(SECOND, {"code": code_of(secret)}).status_code == 429


def test_many_addresses_together_guess_few_codes(alice):
    secret = has_app(alice)
    for number in range(second_factor.CODE_FAILURES_PER_ACCOUNT_ANYWHERE):
        with pytest.raises(InvalidInput):
            second_factor.use_code(alice, "000000", actor=Actor(alice.pk, alice.email, ip=f"203.0.113.{number}"))
    client = browser("198.51.100.1")
    signs_in(client)
    assert client.post(SECOND, {"code": code_of(secret)}).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_a_burst_of_guesses_does_not_get_past_the_counting(alice):
    has_app(alice)
    actor = Actor(alice.pk, alice.email, ip="203.0.113.9")
    answers = at_once(*[lambda: second_factor.use_code(alice, "000000", actor=actor)] * 16)
    assert sum(isinstance(answer, InvalidInput) for answer in answers) == second_factor.CODE_FAILURES_PER_ACCOUNT


# --- at once ----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_twenty_who_use_one_code_at_once_one_gets_in(alice, kind):
    secret = has_app(alice)
    codes = second_factor.make_recovery_codes(alice, actor=SYSTEM)
    code = code_of(secret) if kind == "app" else codes[0]
    clients = [browser(f"203.0.113.{number}") for number in range(20)]
    for client in clients:
        signs_in(client)
    answers = at_once(*[lambda client=client: client.post(SECOND, {"code": code}).status_code for client in clients])
    assert answers.count(302) == 1
    assert sum(is_signed_in(client) for client in clients) == 1


@pytest.mark.django_db(transaction=True)
def test_of_twenty_who_complete_one_sign_in_with_either_code_at_once_one_gets_in(alice, visitor):
    secret = has_app(alice)
    recovery = second_factor.make_recovery_codes(alice, actor=SYSTEM)[0]
    code = code_of(secret)
    signs_in(visitor)
    clients = [browser(f"203.0.113.{number}") for number in range(20)]
    for client in clients:
        client.cookies.load({name: morsel.value for name, morsel in visitor.cookies.items()})
    at_once(
        *[
            lambda client=client, typed=typed: client.post(SECOND, {"code": typed})
            for client, typed in zip(clients, [code, recovery] * 10, strict=True)
        ]
    )
    assert sum(is_signed_in(client) for client in clients) == 1
    assert Event.objects.filter(action="session.second-factor", result=Result.DONE).count() == 1


# --- removing ---------------------------------------------------------------------------------------------------------
def test_without_the_app_its_recovery_codes_go_too(alice, visitor):
    signs_in(visitor)
    set_up(visitor)
    visitor.post("/account/second-factor/app/remove/")
    assert not AuthenticatorApp.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_recovery_codes_without_a_second_factor_are_refused(alice, visitor):
    signs_in(visitor)
    assert visitor.post("/account/second-factor/recovery-codes/").status_code == 422


def test_setting_up_asks_first_whether_it_is_really_them(alice, sign_in):
    client = sign_in(alice)  # long ago, as far as the session tells
    assert client.get("/account/second-factor/app/")["Location"].startswith("/account/confirm/?next=")
    confirm(client)
    assert client.get("/account/second-factor/app/").status_code == 200
