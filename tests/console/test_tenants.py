"""The operator's list of tenants, and the page of each."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.containers.models import Application
from apps.nodes.services import installation
from apps.tenants.models import Membership, Tenant
from apps.tenants.permissions import Role
from apps.tenants.plans import default_plan
from tests.factories import look_through, make_application, make_tenant, own_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def oscars(oscar: User, sign_in) -> Client:
    """The operator, signed in."""
    return sign_in(oscar)


def fill(count: int, owner: User) -> None:
    have = Tenant.objects.count()
    plan = default_plan()
    made = Tenant.objects.bulk_create(
        Tenant(slug=f"t{n}", name=f"Tenant {n:03}", plan=plan) for n in range(have, count)
    )
    Membership.objects.bulk_create(Membership(tenant=tenant, user=owner, role=Role.OWNER) for tenant in made)


def listed(client: Client, query: str = "") -> list[str]:
    page = client.get(f"/console/tenants/{query}").content.decode()
    return re.findall(r'class="row-link cut"[^>]*title="([^"]*)"', page)


def test_the_list_takes_the_same_queries_for_10_and_200_tenants(oscars, alice):
    installation()
    counts = []
    for count in (10, 200):
        fill(count, alice)
        with CaptureQueriesContext(connection) as made:
            oscars.get("/console/tenants/")
        counts.append(len(made))
    assert counts[0] == counts[1]


def test_it_is_searched_and_paged(oscars, alice):
    fill(120, alice)
    assert len(listed(oscars)) == 50
    assert len(listed(oscars, "?page=3")) == 20
    assert listed(oscars, "?q=tenant+11") == [f"Tenant 11{n}" for n in range(10)]
    assert listed(oscars, "?q=T007") == []
    assert listed(oscars, "?q=t7") == ["Tenant 007", *(f"Tenant 0{n}" for n in range(70, 80))]
    assert "No tenant is like that." in oscars.get("/console/tenants/?q=nobody").content.decode()


def test_it_tells_and_finds_their_states(oscars, acme, other):
    Tenant.objects.filter(pk=acme.pk).update(suspended_at=timezone.now())
    Tenant.objects.filter(pk=other.pk).update(closed_at=timezone.now(), erase_at=timezone.now())
    found = {state: listed(oscars, f"?state={state}") for state in ("active", "suspended", "closed", "odd")}
    assert found == {"active": [], "suspended": ["Acme"], "closed": ["Other"], "odd": ["Acme", "Other"]}
    page = oscars.get("/console/tenants/").content.decode()
    assert "Being deleted" in page


def test_a_tenants_page_shows_its_members_applications_operations_and_events(oscars, acme):
    own_image("httpd:1", "sha256:0")
    make_application(acme)
    page = oscars.get(f"/console/tenants/{acme.pk}/").content.decode()
    for words in ("shop--acme.localhost", "dora@example.com", "Deploy shop", "Added the member", "6 members"):
        assert words in page


def test_a_tenants_page_takes_the_same_queries_whatever_the_tenant_has(oscars, acme):
    own_image("httpd:1", "sha256:0")
    installation()
    counts = []
    for slugs in (["one"], [f"app-{n}" for n in range(20)]):
        for slug in slugs:
            make_application(acme, slug)
        with CaptureQueriesContext(connection) as made:
            oscars.get(f"/console/tenants/{acme.pk}/")
        counts.append(len(made))
    assert counts[0] == counts[1]


def test_suspending_lists_what_stops_and_asks_for_a_reason(oscars, acme):
    own_image("httpd:1", "sha256:0")
    shop = make_application(acme)
    shop.containers.create(
        release=shop.releases.get(), name="c", address="10.0.0.2", state="running", engine_id="f" * 64
    )
    path = f"/console/tenants/{acme.pk}/suspend/"
    assert "shop, at shop--acme.localhost" in oscars.get(path).content.decode()
    assert oscars.post(path, {"reason": ""}).status_code == 422
    assert oscars.post(path, {"reason": "Unpaid since May"}).status_code == 302
    page = oscars.get(f"/console/tenants/{acme.pk}/").content.decode()
    assert "Unpaid since May" in page
    oscars.post(f"/console/tenants/{acme.pk}/resume/")
    acme.refresh_from_db()
    assert not acme.is_suspended


def test_members_of_a_suspended_tenant_read_since_when_and_why(acme, vera, sign_in):
    Tenant.objects.update(suspended_at=timezone.now(), suspension_reason="Unpaid <b>since</b> May")
    page = sign_in(vera).get("/t/acme/").content.decode()
    assert "suspended by the operator since" in page
    assert "Unpaid &lt;b&gt;since&lt;/b&gt; May" in page
    assert "Suspended</span>" in page, "the switcher says so too"


def test_the_audit_log_can_be_narrowed_to_one_tenant(oscars, acme, other):
    page = oscars.get(f"/console/audit/?tenant={other.pk}").content.decode()
    assert "charlie@example.com" in page
    assert "alice@example.com" not in page
    assert oscars.get("/console/audit/?tenant=odd").status_code == 200


def test_whoever_looks_at_a_tenant_is_on_its_page(oscars, oscar, acme, dora):
    look_through(oscars, oscar, acme, dora)
    assert "looks at it as dora@example.com" in oscars.get(f"/console/tenants/{acme.pk}/").content.decode()


def test_an_operators_own_tenant_opens_without_looking_through_anybody(oscars, oscar):
    make_tenant("mine", oscar)
    assert oscars.get("/t/mine/").status_code == 200
    assert not Application.objects.exists()
