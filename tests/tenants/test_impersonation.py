"""An operator looks at a tenant through a member: for half an hour at most, with less, and before everybody's eyes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.containers.models import Application
from apps.operations.models import Operation, State
from apps.tenants.access import Claim, still_allowed
from apps.tenants.impersonation import lapse_impersonations
from apps.tenants.models import Impersonation, Tenant
from apps.tenants.permissions import Permission, Role
from apps.tenants.services import add_member
from tests.factories import latest_operation, look_through, make_application, own_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(acme: Tenant) -> Application:
    own_image("httpd:1", "sha256:0")
    return make_application(acme, TOKEN="s3cr3t-value")


@pytest.fixture
def oscars(oscar: User, sign_in_anew) -> Client:
    """The operator, signed in."""
    return sign_in_anew(oscar)


@pytest.fixture
def as_dora(oscars: Client, oscar: User, acme: Tenant, dora: User) -> Client:
    look_through(oscars, oscar, acme, dora)
    return oscars


def page(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_it_begins_with_a_reason_and_leads_to_the_tenant(oscars, acme, dora):
    path = f"/console/tenants/{acme.pk}/impersonate/"
    assert oscars.post(path, {"member": str(dora.pk), "reason": " "}).status_code == 422
    response = oscars.post(path, {"member": str(dora.pk), "reason": "Ticket 7"})
    assert response["Location"] == "/t/acme/"
    begun = Impersonation.objects.get()
    assert begun.ends_at - begun.created_at == pytest.approx(timedelta(minutes=30), abs=timedelta(seconds=5))
    event = Event.objects.get(action="impersonation.begin")
    assert event.tenant_id == acme.pk
    assert str(event) == "oscar@example.com began to look through dora@example.com"
    assert "Ticket 7" in event.data["message"]


def test_nobody_is_looked_through_who_is_no_active_member(oscars, acme, charlie, vera):
    User.objects.filter(pk=vera.pk).update(is_active=False)
    for stranger in (charlie, vera):
        form = {"member": str(stranger.pk), "reason": "Ticket 7"}
        assert oscars.post(f"/console/tenants/{acme.pk}/impersonate/", form).status_code == 422
    assert not Impersonation.objects.exists()


def test_only_that_tenant_opens_and_everywhere_else_the_operator_is_themselves(as_dora, other):
    assert as_dora.get("/t/acme/").status_code == 200
    assert as_dora.get("/t/other/").status_code == 404
    assert as_dora.get("/console/").status_code == 200


def test_every_page_says_who_looks_as_whom_and_why(as_dora, shop):
    for path in ("/t/acme/", "/t/acme/applications/shop/", "/t/acme/new/", "/console/", "/t/acme/close/"):
        shown = page(as_dora, path)
        assert "End now" in shown, path
        assert "oscar@example.com" in shown
        assert "dora@example.com" in shown
        assert "Ticket 7" in shown


def test_secrets_members_and_the_closing_stay_with_the_tenant(oscars, oscar, acme, shop):
    look_through(oscars, oscar, acme, None)  # even through the role of an owner
    assert "s3cr3t-value" not in page(oscars, "/t/acme/applications/shop/variables/reveal/")
    assert oscars.post("/t/acme/applications/shop/variables/change/", {"variables": ""}).status_code == 403
    refused = oscars.post("/t/acme/close/", {"name": "acme"})
    assert refused.status_code == 403
    assert "stays with the members" in refused.content.decode()
    assert oscars.post("/t/acme/applications/shop/delete/", {"name": "shop"}).status_code == 302


def test_it_allows_no_more_than_the_member_may(oscars, oscar, acme, vera, greta, shop):
    look_through(oscars, oscar, acme, vera)
    assert oscars.post("/t/acme/applications/shop/stop/").status_code == 403
    look_through(oscars, oscar, acme, greta)
    assert oscars.get("/t/acme/applications/shop/").status_code == 404


def test_a_suspended_tenant_stays_suspended_for_it(as_dora, acme, shop):
    Tenant.objects.update(suspended_at=timezone.now(), suspension_reason="Unpaid")
    assert "suspended by the operator since" in page(as_dora, "/t/acme/")
    assert as_dora.post("/t/acme/applications/shop/stop/").status_code == 403


def test_what_is_done_meanwhile_names_both_and_members_read_it(as_dora, oscar, shop, alice, sign_in_anew):
    as_dora.post("/t/acme/applications/shop/deploy/")
    as_dora.post("/t/acme/close/", {"name": "acme"})
    done = Event.objects.get(action="application.deploy", actor_label="oscar@example.com as dora@example.com")
    refused = Event.objects.get(action="tenant.close", result=Result.REFUSED)
    assert done.actor_id == refused.actor_id == oscar.pk
    assert refused.actor_label == "oscar@example.com as dora@example.com"
    assert shop.releases.latest("number").created_by_label == "oscar@example.com as dora@example.com"
    activity = page(sign_in_anew(alice), "/t/acme/activity/")
    assert "oscar@example.com as dora@example.com" in activity
    assert "Began to look through" in activity
    assert "Ticket 7" in activity


def test_the_operator_ends_it(as_dora, acme):
    response = as_dora.post("/console/impersonation/end/")
    assert response["Location"] == f"/console/tenants/{acme.pk}/"
    assert as_dora.get("/t/acme/").status_code == 404
    assert Event.objects.filter(action="impersonation.end", tenant_id=acme.pk).count() == 1


def end_the_time() -> None:
    Impersonation.objects.update(ends_at=timezone.now())


def test_it_ends_by_itself_and_the_page_says_so(as_dora):
    end_the_time()
    response = as_dora.get("/t/acme/")
    assert response.status_code == 404
    assert "your time was over" in response.content.decode()


ENDS = {
    "the time": end_the_time,
    "the rank": lambda: User.objects.filter(name="Oscar").update(is_operator=False),
    "the operator's account": lambda: User.objects.filter(name="Oscar").update(is_active=False),
    "the member's account": lambda: User.objects.filter(name="Dora").update(is_active=False),
    "the membership": lambda: User.objects.get(name="Dora").memberships.all().delete(),
}
each_end = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)


@each_end
def test_with_what_it_rests_on_it_ends(as_dora, end):
    end()
    assert as_dora.get("/t/acme/").status_code in {302, 404}
    lapse_impersonations()
    assert Impersonation.objects.get().ended_at
    event = Event.objects.get(action="impersonation.end")
    assert "oscar@example.com as dora@example.com" in event.data["message"]


def test_signing_out_ends_it(as_dora, oscar):
    as_dora.post("/sign-out/")
    lapse_impersonations()
    assert Impersonation.objects.get().ended_at
    as_dora.force_login(oscar)
    assert as_dora.get("/t/acme/").status_code == 404


def test_while_it_lasts_nothing_ends_it(as_dora):
    lapse_impersonations()
    assert Impersonation.objects.get().ended_at is None


def test_it_holds_in_the_session_that_began_it_only(as_dora, oscar, sign_in_anew):
    elsewhere = sign_in_anew(oscar)
    assert elsewhere.get("/t/acme/").status_code == 404
    session = elsewhere.session
    session["impersonation"] = Impersonation.objects.get().pk
    session.save()
    assert elsewhere.get("/t/acme/").status_code == 404


def test_beginning_anew_ends_the_one_before(as_dora, oscar, acme, vera):
    look_through(as_dora, oscar, acme, vera)
    assert Impersonation.objects.open().count() == 1
    assert Event.objects.filter(action="impersonation.end").count() == 1


def claim(client: Client, impersonation: Impersonation, **changes: object) -> Claim:
    values = {"session_key": client.session.session_key, "user_id": impersonation.operator_id, "slug": "acme"}
    return Claim(**{**values, "permission": Permission.LOGS, "impersonation_id": impersonation.pk, **changes})


def test_an_open_socket_rests_on_it(as_dora, other):
    held = claim(as_dora, Impersonation.objects.get())
    assert still_allowed({held}) == {held}
    for wrong in ({"slug": "other"}, {"impersonation_id": 0}, {"permission": Permission.SECRETS_REVEAL}):
        assert still_allowed({claim(as_dora, Impersonation.objects.get(), **wrong)}) == set()


@each_end
def test_an_open_socket_ends_with_it(as_dora, end):
    held = claim(as_dora, Impersonation.objects.get())
    end()
    assert still_allowed({held}) == set()


def test_through_the_role_of_an_owner_a_socket_sees_what_an_owner_sees(oscars, oscar, acme):
    held = claim(oscars, look_through(oscars, oscar, acme, None))
    assert still_allowed({held}) == {held}


def wish_to_stop(client: Client, shop: Application) -> Operation:
    assert client.post("/t/acme/applications/shop/stop/").status_code == 302
    return latest_operation(shop)


def test_what_was_wished_while_it_lasted_is_done_after_its_end(as_dora, shop, settle):
    operation = wish_to_stop(as_dora, shop)
    as_dora.post("/console/impersonation/end/")
    assert settle(operation).state == State.SUCCEEDED


def test_what_was_wished_is_refused_when_the_operator_is_none_any_more(as_dora, shop, settle):
    operation = wish_to_stop(as_dora, shop)
    ENDS["the rank"]()
    assert settle(operation).error_code == "forbidden"


def test_what_was_wished_is_refused_when_the_tenant_was_suspended_meanwhile(as_dora, shop, settle):
    operation = wish_to_stop(as_dora, shop)
    Tenant.objects.update(suspended_at=timezone.now())
    assert settle(operation).error_code == "forbidden"


def test_a_role_that_changes_meanwhile_counts_at_once(as_dora, acme, dora, shop):
    add_member(acme, dora, Role.VIEWER, actor=SYSTEM)
    assert as_dora.post("/t/acme/applications/shop/stop/").status_code == 403


def test_what_you_can_do_here_is_what_the_member_can(as_dora, dora):
    shown = page(as_dora, "/t/acme/members/me/")
    assert "dora@example.com" in shown


def test_nobody_leaves_in_another_ones_name(as_dora, acme, oscar, dora):
    add_member(acme, oscar, Role.VIEWER, actor=SYSTEM)
    assert as_dora.post("/t/acme/members/leave/").status_code == 403
    assert set(acme.members.all()) >= {oscar, dora}
