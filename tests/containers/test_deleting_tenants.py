"""Deleting a tenant: its short name is typed, and for a day it can be undone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.http import actor_of
from apps.audit.actor import SYSTEM
from apps.audit.models import Event
from apps.containers.tenancy import close_tenant, follow_up, reopen_tenant
from apps.core.errors import Busy, InvalidInput
from apps.nodes.services import local_node
from apps.operations.models import Kind, Operation
from apps.tenants.models import RetiredSlug, Tenant
from apps.tenants.services import create_tenant
from tests.factories import make_application, own_image

pytestmark = pytest.mark.django_db


def close(tenant: Tenant) -> None:
    close_tenant(tenant, confirmed_name=tenant.slug, actor=SYSTEM)


def let_the_grace_pass(tenant: Tenant) -> None:
    long_ago = timezone.now() - timedelta(days=2)
    Tenant.objects.filter(pk=tenant.pk).update(closed_at=long_ago, erase_at=long_ago + timedelta(days=1))


def test_its_short_name_is_typed(acme):
    with pytest.raises(InvalidInput, match="Type “acme”"):
        close_tenant(acme, confirmed_name="Acme", actor=SYSTEM)
    acme.refresh_from_db()
    assert not acme.is_closed


def test_who_asked_and_until_when_it_can_be_undone_is_in_the_activity(acme, alice):
    close_tenant(acme, confirmed_name="acme", actor=actor_of(alice, "192.0.2.1", "r"))
    event = Event.objects.get(action="tenant.close")
    assert (event.tenant_id, event.actor_label) == (acme.pk, "alice@example.com")
    acme.refresh_from_db()
    assert f"{acme.erase_at:%Y-%m-%d %H:%M}" in event.data["message"]
    assert acme.erase_at - acme.closed_at == timedelta(hours=24)


def test_asking_twice_does_not_prolong_the_grace(acme):
    close(acme)
    acme.refresh_from_db()
    first = acme.erase_at
    close(acme)
    acme.refresh_from_db()
    assert acme.erase_at == first


def test_when_the_grace_is_over_it_cannot_be_undone(acme):
    let_the_grace_pass(acme)
    with pytest.raises(Busy, match="is over"):
        reopen_tenant(acme, actor=SYSTEM)


def test_its_short_name_rests_for_ninety_days(acme, alice):
    RetiredSlug.objects.create(slug="gone", free_at=timezone.now() + timedelta(days=90))
    with pytest.raises(InvalidInput, match="deleted tenant's"):
        create_tenant("Gone", "gone", owner=alice, actor=SYSTEM)
    RetiredSlug.objects.update(free_at=timezone.now() - timedelta(seconds=1))
    assert create_tenant("Gone", "gone", owner=alice, actor=SYSTEM).slug == "gone"


def test_an_owner_asks_for_it_sees_what_goes_and_undoes_it(acme, alice, sign_in_anew):
    own_image("httpd:1", "sha256:0")
    make_application(acme)
    client = sign_in_anew(alice)
    page = client.get("/t/acme/close/").content.decode()
    assert "Application shop" in page
    assert "The access of 6 members" in page
    assert client.post("/t/acme/close/", {"name": "Acme"}).status_code == 422
    assert client.post("/t/acme/close/", {"name": "acme"}).status_code == 302
    assert "is being deleted" in client.get("/t/acme/").content.decode()
    assert "Undo the deletion" in client.get("/t/acme/close/").content.decode()
    assert client.post("/t/acme/applications/shop/deploy/").status_code == 403
    client.post("/t/acme/reopen/")
    assert "is being deleted" not in client.get("/t/acme/").content.decode()


def test_the_operator_asks_for_it_and_undoes_it_too(acme, oscar, sign_in_anew):
    client = sign_in_anew(oscar)
    client.post(f"/console/tenants/{acme.pk}/close/", {"name": "acme"})
    page = client.get(f"/console/tenants/{acme.pk}/").content.decode()
    assert "Being deleted" in page
    client.post(f"/console/tenants/{acme.pk}/reopen/")
    acme.refresh_from_db()
    assert not acme.is_closed


def test_what_deletes_a_tenant_waits_for_what_still_works_for_it(acme):
    own_image("httpd:1", "sha256:0")
    make_application(acme)
    let_the_grace_pass(acme)
    follow_up(local_node())
    assert not Operation.objects.filter(kind=Kind.ERASE).exists()
