"""A token is known by its secret only, allows no more than whoever it belongs to, and ends."""

import json
import re
from datetime import timedelta

import pytest
from django.core import serializers
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.http import actor_of
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.core.errors import Forbidden, InvalidInput, NotFound
from apps.tenants import tokens
from apps.tenants.models import ApiToken
from apps.tenants.permissions import OFFERED_TO_TOKENS, PERMISSIONS, Permission, Role
from apps.tenants.services import add_member
from apps.tenants.tokens import TokenWish, create_personal_token, create_tenant_token, revoke_token
from tests.factories import make_application, make_token
from tests.tenants.conftest import acting

pytestmark = pytest.mark.django_db


def slugs(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["slug"] for item in response.json()["items"]]


def back_then(token: ApiToken, **changes: timedelta) -> None:
    """Move moments of the token into the past."""
    ApiToken.objects.filter(pk=token.pk).update(**{name: timezone.now() - ago for name, ago in changes.items()})


# --- the secret -------------------------------------------------------------------------------------------------------
def test_the_secret_is_not_kept(acme, alice):
    token, secret = make_token(acme, alice)
    rows = serializers.serialize("json", [*ApiToken.objects.all(), *Event.objects.all()])
    assert secret not in rows
    assert secret.removeprefix(tokens.PREFIX) not in rows
    assert token.secret_end == secret[-4:]


def test_scanners_of_code_can_find_it(acme, alice):
    assert re.fullmatch(r"berth_[0-9a-f]{64}", make_token(acme, alice)[1])


def test_making_and_revoking_are_in_the_tenants_log(acme, alice):
    token, _ = make_token(acme, alice, "ci", abilities=[Permission.VIEW])
    revoke_token(token, actor=acting(alice))
    revoke_token(token, actor=acting(alice))
    made, revoked = Event.objects.filter(tenant_id=acme.pk, action__startswith="token.").order_by("id")
    assert str(made) == "alice@example.com made the API token ci"
    assert made.data["abilities"] == ["view"]
    assert str(revoked) == "alice@example.com revoked the API token ci"


# --- who is let in ----------------------------------------------------------------------------------------------------
def dead(state: str, acme, dora) -> str:
    """A secret that opens nothing, and why."""
    token, secret = make_token(acme, dora, is_personal=True)
    match state:
        case "missing":
            return ""
        case "unknown":
            return tokens.PREFIX + "0" * 64
        case "cut":
            return secret[:-1]
        case "expired":
            back_then(token, expires_at=timedelta(seconds=1))
        case "revoked":
            revoke_token(token, actor=SYSTEM)
        case "shut-out":
            dora.is_active = False
            dora.save()
    return secret


DEAD = ("missing", "unknown", "cut", "expired", "revoked", "shut-out")


@pytest.mark.parametrize("state", DEAD)
def test_all_that_is_not_a_live_token_gets_the_same_answer(state, acme, dora, ask):
    response = ask(dead(state, acme, dora))
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert response.json() == {
        "code": "unauthenticated",
        "message": "Send a valid API token, as “Authorization: Bearer berth_…”.",
        "field": None,
    }


@pytest.mark.parametrize("state", DEAD)
def test_all_that_is_not_a_live_token_takes_the_same_work(state, acme, dora, ask, django_assert_num_queries):
    secret = dead(state, acme, dora)
    ask(secret)  # that a dead one is still used is noted once an hour
    with django_assert_num_queries(1):
        ask(secret)


def test_a_session_is_not_enough(acme, alice, client, ask):
    client.force_login(alice)
    assert ask("").status_code == 401
    assert ask(make_token(acme, alice)[1], scheme="Token").status_code == 401


def test_what_a_browser_sends_along_changes_nothing(acme, application, alice, charlie, client, ask):
    client.force_login(charlie)
    assert slugs(ask(make_token(acme, alice)[1])) == ["shop"]


# --- what it allows ---------------------------------------------------------------------------------------------------
def test_a_personal_token_shrinks_with_its_persons_role_at_once(acme, application, dora, ask):
    _, secret = make_token(acme, dora, is_personal=True)
    assert slugs(ask(secret)) == ["shop"]
    add_member(acme, dora, Role.AUDITOR, actor=SYSTEM)
    refused = ask(secret)
    assert refused.status_code == 403
    assert "The token “ci” does not allow “view” in Acme" in refused.json()["message"]


def test_a_personal_token_shrinks_with_its_persons_grants_at_once(acme, application, greta, ask):
    make_application(acme, "secret")
    grant = greta.memberships.get().grants.create(application_id=application.pk, role=Role.VIEWER)
    _, secret = make_token(acme, greta, is_personal=True, abilities=[Permission.VIEW])
    assert slugs(ask(secret)) == ["shop"]
    grant.delete()
    assert ask(secret).status_code == 403


def test_a_personal_token_never_grows_beyond_what_it_was_given(acme, application, dora, ask):
    _, secret = make_token(acme, dora, is_personal=True, abilities=[Permission.LOGS])
    add_member(acme, dora, Role.OWNER, actor=SYSTEM)
    assert ask(secret).status_code == 403


def test_a_personal_token_ends_with_the_membership_and_does_not_come_back_with_it(acme, application, dora, ask):
    _, secret = make_token(acme, dora, is_personal=True)
    dora.memberships.get(tenant=acme).delete()
    assert ask(secret).status_code == 401
    add_member(acme, dora, Role.DEVELOPER, actor=SYSTEM)
    assert ask(secret).status_code == 401


def test_a_tenants_token_survives_its_maker(acme, application, adam, ask):
    _, secret = make_token(acme, adam)
    adam.memberships.all().delete()
    adam.delete()
    assert slugs(ask(secret)) == ["shop"]


def test_a_tenants_token_never_exceeds_the_role_of_its_maker(acme, application, adam, ask, monkeypatch):
    """Also if that role comes to allow less."""
    _, secret = make_token(acme, adam)
    monkeypatch.setitem(PERMISSIONS, Role.ADMIN, PERMISSIONS[Role.ADMIN] - {Permission.VIEW})
    assert ask(secret).status_code == 403


def test_a_confined_token_sees_nothing_else(acme, application, alice, ask):
    make_application(acme, "secret")
    _, secret = make_token(acme, alice, only=[application])
    assert slugs(ask(secret)) == ["shop"]


def test_when_the_applications_of_a_confined_token_are_gone_it_sees_none(acme, application, alice, ask):
    _, secret = make_token(acme, alice, only=[])
    assert ask(secret).status_code == 403


def test_a_token_ends_with_its_tenant(other, charlie):
    make_token(other, charlie)
    other.delete()
    assert not ApiToken.objects.exists()


# --- what can be made -------------------------------------------------------------------------------------------------
def wish(*abilities: Permission, days: float = 30) -> TokenWish:
    return TokenWish("ci", frozenset(abilities), None, timezone.now() + timedelta(days=days))


@pytest.mark.parametrize("ability", sorted(set(Permission) - set(OFFERED_TO_TOKENS)))
def test_no_token_gets_what_would_let_it_outgrow_itself_or_read_secrets(ability, acme, alice):
    with pytest.raises(InvalidInput, match=ability.value):
        create_tenant_token(acme, wish(ability), actor=acting(alice))


def test_nobody_gives_a_token_what_they_may_not_do_themselves(acme, vera):
    with pytest.raises(InvalidInput, match="deploy"):
        create_personal_token(acme, vera, wish(Permission.DEPLOY), actor=acting(vera))


def test_who_was_demoted_meanwhile_makes_no_token_of_the_tenant(acme, adam):
    add_member(acme, adam, Role.DEVELOPER, actor=SYSTEM)
    with pytest.raises(Forbidden):
        create_tenant_token(acme, wish(Permission.VIEW), actor=acting(adam))


def test_who_left_meanwhile_makes_no_token(acme, dora):
    dora.memberships.all().delete()
    with pytest.raises(NotFound):
        create_personal_token(acme, dora, wish(Permission.VIEW), actor=acting(dora))


def test_a_grant_on_one_application_is_no_right_to_give_a_tenants_token_all(acme, application, adam, monkeypatch):
    """Also for a role that manages members and deploys nothing."""
    monkeypatch.setitem(PERMISSIONS, Role.ADMIN, PERMISSIONS[Role.ADMIN] - {Permission.DEPLOY})
    adam.memberships.get().grants.create(application_id=application.pk, role=Role.DEVELOPER)
    with pytest.raises(InvalidInput, match="deploy"):
        create_tenant_token(acme, wish(Permission.DEPLOY), actor=acting(adam))


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_a_token_ends_within_a_year(days, acme, alice):
    with pytest.raises(InvalidInput, match="within a year"):
        create_tenant_token(acme, wish(Permission.VIEW, days=days), actor=acting(alice))


# --- what is noted ----------------------------------------------------------------------------------------------------
def writes(queries: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]


def test_that_it_was_used_is_written_once_a_minute(acme, alice, ask, django_assert_max_num_queries):
    token, secret = make_token(acme, alice)
    ask(secret)
    token.refresh_from_db()
    first = token.last_used_at
    with django_assert_max_num_queries(10) as queries:
        ask(secret)
    assert writes(queries) == []
    back_then(token, last_used_at=tokens.USE_INTERVAL)
    ask(secret)
    token.refresh_from_db()
    assert token.last_used_at > first


def test_a_dead_token_that_is_still_used_is_told_of_once_an_hour(acme, dora, ask):
    token, secret = make_token(acme, dora, "deploy-bot", is_personal=True)
    revoke_token(token, actor=SYSTEM)
    for _ in range(3):
        ask(secret)
    event = Event.objects.get(action="token.use", tenant_id=acme.pk)
    assert str(event) == "dora@example.com (token deploy-bot) was refused to use the API token deploy-bot"
    assert (event.result, event.token_id, event.ip) == (Result.REFUSED, token.pk, "127.0.0.1")
    assert event.data["message"] == "It was revoked. Whatever sends it still does."
    back_then(token, last_refused_at=tokens.REFUSAL_INTERVAL)
    ask(secret)
    assert Event.objects.filter(action="token.use").count() == 2


def test_what_was_never_a_token_is_not_in_the_log(acme, ask):
    before = Event.objects.count()
    ask("garbage")
    ask("")
    assert Event.objects.count() == before


def test_after_many_failures_an_address_is_told_to_wait_but_a_live_token_is_let_in(acme, application, alice, ask):
    for _ in range(tokens.FAILURES_PER_ADDRESS):
        assert ask("garbage").status_code == 401
    refused = ask("garbage")
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-attempts")
    assert slugs(ask(make_token(acme, alice)[1])) == ["shop"]


def test_an_act_by_token_names_it(acme, dora, alice):
    personal, _ = make_token(acme, dora, "deploy-bot", is_personal=True)
    own, _ = make_token(acme, alice, "ci")
    stranger = actor_of(alice, "192.0.2.7", "r")
    assert tokens.actor_by(personal, stranger).label == "dora@example.com (token deploy-bot)"
    actor = tokens.actor_by(own, stranger)
    assert (actor.label, actor.user_id, actor.token_id) == ("token ci of Acme", None, own.pk)
    assert json.loads(json.dumps(actor.to_json())) == actor.to_json()
