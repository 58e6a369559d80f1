"""What somebody wished for is done only if they still may when the work begins."""

import pytest

from apps.accounts.http import actor_of
from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.audit.models import Event, Result
from apps.containers import services
from apps.containers.models import Application
from apps.operations.models import State
from apps.tenants.models import Tenant
from apps.tenants.permissions import Role
from apps.tenants.services import add_member
from tests.factories import make_application, own_image

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
