"""What somebody wished for is done only if they still may when the work begins."""

import pytest
from django.utils import timezone

from apps.accounts.http import actor_of
from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.containers import services
from apps.containers.models import Application
from apps.operations.models import State
from apps.tenants.models import ApiToken, Tenant
from apps.tenants.permissions import Permission, Role
from apps.tenants.services import add_member
from apps.tenants.tokens import actor_by, revoke_token
from tests.factories import make_application, make_token, own_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def application(acme: Tenant) -> Application:
    own_image("httpd:1", "sha256:0")
    return make_application(acme)


def wish_to_stop(application: Application, person: User):
    return services.stop_application(application, actor=actor_of(person, "192.0.2.1", "r"))


def test_what_a_member_wished_before_being_demoted_is_refused(application, acme, dora, settle):
    operation = wish_to_stop(application, dora)
    add_member(acme, dora, Role.VIEWER, actor=SYSTEM)
    settle(operation)
    assert (operation.state, operation.error_code) == (State.FAILED, "forbidden")
    assert "dora@example.com may not do this in Acme any more" in operation.error_message
    assert Event.objects.filter(action="application.stop", result=Result.FAILED, operation_id=operation.pk).exists()


def test_what_a_member_wished_before_being_removed_is_refused(application, dora, settle):
    operation = wish_to_stop(application, dora)
    dora.memberships.all().delete()
    assert settle(operation).error_code == "forbidden"


def test_what_a_member_wished_before_being_removed_on_the_page_is_refused(application, alice, dora, settle, sign_in):
    operation = wish_to_stop(application, dora)
    sign_in(alice).post(f"/t/acme/members/{dora.memberships.get().pk}/remove/")
    assert settle(operation).error_code == "forbidden"


def test_what_a_guest_wished_before_the_grant_ended_is_refused(application, greta, settle):
    grant = greta.memberships.get().grants.create(application_id=application.pk, role=Role.DEVELOPER)
    operation = wish_to_stop(application, greta)
    grant.delete()
    assert settle(operation).error_code == "forbidden"


def test_what_somebody_may_still_do_is_done(application, greta, settle):
    greta.memberships.get().grants.create(application_id=application.pk, role=Role.DEVELOPER)
    assert settle(wish_to_stop(application, greta)).state == State.SUCCEEDED


# --- by token ---------------------------------------------------------------------------------------------------------
def wish_by(token: ApiToken, application: Application):
    return services.stop_application(application, actor=actor_by(token, SYSTEM))


def test_what_a_token_wished_is_done_and_told_of_by_its_name(application, acme, alice, settle):
    token, _ = make_token(acme, alice, "ci")
    assert settle(wish_by(token, application)).state == State.SUCCEEDED
    event = Event.objects.get(action="application.stop")
    assert (event.actor_label, event.token_id) == ("token ci of Acme", token.pk)


@pytest.mark.parametrize("is_personal", [True, False])
def test_what_a_token_wished_before_being_revoked_is_refused(is_personal, application, acme, alice, settle):
    token, _ = make_token(acme, alice, is_personal=is_personal)
    operation = wish_by(token, application)
    revoke_token(token, actor=SYSTEM)
    assert settle(operation).error_code == "forbidden"


def test_what_a_token_wished_before_it_expired_is_refused(application, acme, alice, settle):
    token, _ = make_token(acme, alice)
    operation = wish_by(token, application)
    ApiToken.objects.update(expires_at=timezone.now())
    assert settle(operation).error_code == "forbidden"


def test_what_a_personal_token_wished_before_its_person_was_demoted_is_refused(application, acme, dora, settle):
    token, _ = make_token(acme, dora, is_personal=True)
    operation = wish_by(token, application)
    add_member(acme, dora, Role.VIEWER, actor=SYSTEM)
    assert settle(operation).error_code == "forbidden"


def test_what_a_personal_token_wished_before_its_person_left_is_refused(application, acme, dora, settle):
    token, _ = make_token(acme, dora, is_personal=True)
    operation = wish_by(token, application)
    dora.memberships.all().delete()
    assert settle(operation).error_code == "forbidden"


def test_a_personal_token_does_not_borrow_from_its_person_what_it_was_not_given(application, acme, dora, settle):
    token, _ = make_token(acme, dora, is_personal=True, abilities=[Permission.VIEW])
    assert settle(wish_by(token, application)).error_code == "forbidden"
