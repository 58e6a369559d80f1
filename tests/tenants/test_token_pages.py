"""Tokens are made on a page, shown there once, listed, and revoked."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.tenants.models import ApiToken
from apps.tenants.permissions import Permission, Role
from tests.factories import make_application, make_token

pytestmark = pytest.mark.django_db

WISH = {"name": "ci", "abilities": ["view"], "reach": "all", "expires": "30"}


def secret_on(page) -> str:
    return re.search(r"berth_[0-9a-f]{64}", page.content.decode()).group()


def test_the_secret_is_shown_once_with_a_line_to_try(acme, application, alice, sign_in_anew, ask):
    client = sign_in_anew(alice)
    page = client.post("/t/acme/tokens/new/", WISH)
    secret = secret_on(page)
    assert f'curl -H "Authorization: Bearer {secret}" http://localhost:8000/api/v1/t/acme/applications' in (
        page.content.decode().replace("&quot;", '"')
    )
    assert "no-store" in page["Cache-Control"]
    listed = client.get("/t/acme/tokens/").content.decode()
    assert secret not in listed
    assert f"berth_…{secret[-4:]}" in listed
    assert ask(secret).status_code == 200


def test_a_token_that_may_not_view_has_no_line_to_try(acme, alice, sign_in_anew):
    page = sign_in_anew(alice).post("/t/acme/tokens/new/", WISH | {"abilities": ["logs"]})
    assert "curl" not in page.content.decode()


def test_a_member_makes_a_token_of_their_own(acme, dora, sign_in_anew):
    page = sign_in_anew(dora).post("/account/tokens/acme/new/", WISH | {"abilities": ["view", "deploy"]})
    assert secret_on(page)
    token = ApiToken.objects.get()
    assert token.membership == dora.memberships.get(tenant=acme)
    assert token.permissions == {Permission.VIEW, Permission.DEPLOY}


@pytest.mark.parametrize(
    ("person", "offered"),
    [
        ("alice", ["view", "logs", "audit", "deploy", "manage", "delete"]),
        ("dora", ["view", "logs", "audit", "deploy", "manage"]),
        ("vera", ["view", "logs", "audit"]),
        ("arthur", ["audit"]),
    ],
)
def test_only_what_one_may_do_is_offered(person, offered, acme, sign_in_anew, request):
    page = sign_in_anew(request.getfixturevalue(person)).get("/account/tokens/acme/new/")
    assert re.findall(r'name="abilities" value="([\w-]+)"', page.content.decode()) == offered


def test_a_guest_is_offered_what_their_grants_give_and_no_other_application(acme, application, greta, sign_in_anew):
    make_application(acme, "secret")
    greta.memberships.get().grants.create(application_id=application.pk, role=Role.VIEWER)
    page = sign_in_anew(greta).get("/account/tokens/acme/new/").content.decode()
    assert re.findall(r'name="abilities" value="([\w-]+)"', page) == ["view", "logs", "audit"]
    assert "shop" in page
    assert "secret" not in page.replace("id_secret", "")


def test_a_token_can_be_confined_to_applications(acme, application, alice, sign_in_anew):
    sign_in_anew(alice).post("/t/acme/tokens/new/", WISH | {"reach": "some", "applications": [application.pk]})
    assert ApiToken.objects.get().application_ids == [application.pk]
    assert "only shop" in " ".join(sign_in_anew(alice).get("/t/acme/tokens/").content.decode().split())


def test_where_there_is_no_application_yet_none_is_asked_for(acme, alice, sign_in_anew):
    page = sign_in_anew(alice).get("/t/acme/tokens/new/").content.decode()
    assert "Only these" not in page
    assert '<input type="hidden" name="reach" value="all">' in page


def test_an_end_can_be_a_day(acme, alice, sign_in_anew):
    day = timezone.now().date() + timedelta(days=7)
    sign_in_anew(alice).post("/t/acme/tokens/new/", WISH | {"expires": "last-day", "last_day": day.isoformat()})
    assert ApiToken.objects.get().expires_at.date() == day


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"abilities": []}, "Choose at least one"),
        ({"abilities": ["members"]}, "members is not one of the available choices"),
        ({"reach": "some"}, "Choose at least one, or all of them above."),
        ({"reach": "some", "applications": [10**6]}, "is not one of the available choices"),
        ({"expires": "last-day"}, "Choose the day with which it ends."),
        ({"expires": "last-day", "last_day": "2001-01-01"}, "within a year from now; 2001-01-01"),
        ({"expires": "last-day", "last_day": "9999-12-31"}, "within a year from now; 9999-12-31"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(changes, said, acme, application, alice, sign_in_anew):
    page = sign_in_anew(alice).post("/t/acme/tokens/new/", WISH | changes)
    assert page.status_code == 422
    assert said in page.content.decode()
    assert not ApiToken.objects.exists()


def test_admins_see_and_revoke_what_members_made_for_their_tenant(acme, dora, adam, sign_in_anew, ask):
    token, secret = make_token(acme, dora, "deploy-bot", is_personal=True)
    client = sign_in_anew(adam)
    page = client.get("/t/acme/tokens/").content.decode()
    assert "deploy-bot" in page
    assert "dora@example.com" in page
    assert client.post(f"/t/acme/tokens/{token.pk}/revoke/")["Location"] == "/t/acme/tokens/"
    assert ask(secret).status_code == 401
    assert "deploy-bot" not in client.get("/t/acme/tokens/").content.decode()


def test_nobody_sees_the_tokens_of_others_on_their_own_page(acme, dora, vera, sign_in_anew):
    make_token(acme, dora, "deploy-bot", is_personal=True)
    assert "deploy-bot" in sign_in_anew(dora).get("/account/tokens/").content.decode()
    assert "deploy-bot" not in sign_in_anew(vera).get("/account/tokens/").content.decode()


@pytest.mark.parametrize("path", ["/t/acme/tokens/", "/account/tokens/"])
def test_lists_take_the_same_queries_whatever_their_length(
    path, acme, application, alice, sign_in_anew, django_assert_num_queries, django_assert_max_num_queries
):
    client = sign_in_anew(alice)
    make_token(acme, alice, is_personal=True, only=[application])
    client.get(path)
    with django_assert_max_num_queries(20) as first:
        client.get(path)
    for number in range(8):
        make_token(acme, alice, f"ci-{number}", is_personal=number % 2 == 0, only=[application])
    with django_assert_num_queries(len(first)):
        client.get(path)
