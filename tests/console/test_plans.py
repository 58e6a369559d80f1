"""Plans, limits of single tenants, what an engine may promise: what operators change, and what they are told first."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.actor import SYSTEM
from apps.audit.models import Event
from apps.core.errors import Busy, InvalidInput
from apps.engine.spec import MIB
from apps.nodes.services import apply_capacity, local_node
from apps.quotas.ledger import QuotaExceeded
from apps.quotas.models import Balance
from apps.quotas.resources import Resource
from apps.tenants.models import Plan, Tenant
from apps.tenants.permissions import Role
from apps.tenants.plans import (
    assign_plan,
    default_plan,
    delete_plan,
    end_overrides_that_are_over,
    override_limit,
    save_plan,
    unlimited_plan,
)
from apps.tenants.services import add_member
from tests.factories import make_application, make_tenant, make_user, own_image

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(oscar, sign_in) -> Client:
    return sign_in(oscar)


@pytest.fixture
def small(db: None) -> Plan:
    return save_plan(None, name="Small", limits={"memory": 64 * MIB}, sizes=[], is_default=False, actor=SYSTEM)


@pytest.fixture(autouse=True)
def _image(db: None) -> None:
    own_image("httpd:1", "sha256:0")


def limit_of(tenant: Tenant, resource: str = "memory") -> int | None:
    return Balance.objects.get(account=tenant.account, resource=resource).limit


def plan_form(**changes: str) -> dict[str, str]:
    sizes = {
        "sizes-TOTAL_FORMS": "1",
        "sizes-INITIAL_FORMS": "0",
        "sizes-MIN_NUM_FORMS": "0",
        "sizes-MAX_NUM_FORMS": "8",
    }
    row = {"sizes-0-name": "S", "sizes-0-memory_mib": "192", "sizes-0-cpu": "0.25"}
    return {"name": "Team", "cpu": "2.5", "memory": "512", "applications": "3", **sizes, **row, **changes}


# --- plans ------------------------------------------------------------------------------------------------------------
def test_new_tenants_get_the_default_plan_and_its_limits(alice, acme):
    tenant = make_tenant("fresh", make_user("frank"))
    assign_plan(tenant, default_plan(), actor=SYSTEM)
    assert limit_of(tenant) == default_plan().limits["memory"]


def test_a_plan_is_made_in_the_units_of_the_form_and_kept_in_base_units(operator):
    assert operator.post("/console/plans/new/", plan_form()).status_code == 302
    plan = Plan.objects.get(name="Team")
    assert plan.limits == {
        "cpu": 2500, "memory": 512 * MIB, "applications": 3, "containers": None, "members": None,
    }  # fmt: skip
    assert plan.sizes == [{"name": "S", "memory_bytes": 192 * MIB, "cpu_millis": 250}]
    page = operator.get(f"/console/plans/{plan.pk}/").content.decode()
    assert 'value="2.5"' in page
    assert 'value="512"' in page


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("cpu", "-1", "greater than or equal to 0"),
        ("memory", "many", "Enter a number"),
        ("memory", "1e30", "less than or equal to"),
        ("name", "", "required"),
        ("sizes-0-memory_mib", "1", "From 32 MiB to 1 TiB; this is 1 MiB."),
        ("sizes-0-cpu", "0.01", "From 0.05 to 128 cores; this is 0.01."),
    ],
)
def test_a_plan_outside_the_rules_is_asked_for_again(operator, field, value, says):
    answer = operator.post("/console/plans/new/", plan_form(**{field: value}))
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not Plan.objects.filter(name="Team").exists()


def test_changing_a_plan_changes_the_limits_of_all_who_are_on_it(acme, other, small):
    for tenant in (acme, other):
        assign_plan(tenant, small, actor=SYSTEM)
    save_plan(small, name="Small", limits={"memory": 96 * MIB}, sizes=[], is_default=False, actor=SYSTEM)
    assert [limit_of(acme), limit_of(other)] == [96 * MIB, 96 * MIB]


def test_a_plan_that_would_break_something_is_shown_before_it_is_saved(operator, acme, small):
    assign_plan(acme, small, actor=SYSTEM)
    make_application(acme)
    form = plan_form(name="Small", memory="16")
    answer = operator.post(f"/console/plans/{small.pk}/", form)
    assert answer.status_code == 422
    assert "32 MiB reserved, 16 MiB allowed" in answer.content.decode()
    assert limit_of(acme) == 64 * MIB
    assert operator.post(f"/console/plans/{small.pk}/", form | {"confirmed": "1"}).status_code == 302
    assert limit_of(acme) == 16 * MIB


def test_there_is_always_one_default_plan(small):
    first = default_plan()
    save_plan(small, name="Small", limits={}, sizes=[], is_default=True, actor=SYSTEM)
    assert list(Plan.objects.filter(is_default=True)) == [small]
    with pytest.raises(InvalidInput, match="New tenants need a plan"):
        save_plan(small, name="Small", limits={}, sizes=[], is_default=False, actor=SYSTEM)
    assert first in Plan.objects.all()


def test_two_plans_have_not_the_same_name(operator, small):
    answer = operator.post("/console/plans/new/", plan_form(name="Small"))
    assert "There is a plan “Small” already." in answer.content.decode()


def test_a_plan_in_use_is_not_deleted(acme, small):
    assign_plan(acme, small, actor=SYSTEM)
    with pytest.raises(Busy):
        delete_plan(small, actor=SYSTEM)
    assign_plan(acme, unlimited_plan(), actor=SYSTEM)
    delete_plan(small, actor=SYSTEM)
    assert not Plan.objects.filter(name="Small").exists()


# --- one tenant -------------------------------------------------------------------------------------------------------
def test_a_smaller_plan_is_shown_first_and_stops_nothing(operator, acme, small):
    make_application(acme)
    make_application(acme, "second")
    make_application(acme, "third")
    path = f"/console/tenants/{acme.pk}/quota/"
    answer = operator.post(path, {"plan": small.pk})
    assert answer.status_code == 422
    assert "96 MiB reserved, 64 MiB allowed. Nothing stops" in answer.content.decode()
    assert operator.post(path, {"plan": small.pk, "confirmed": "1"}).status_code == 302
    with pytest.raises(QuotaExceeded):
        make_application(acme, "fourth")
    event = Event.objects.get(action="tenant.plan")
    assert (event.tenant_id, event.data) == (acme.pk, {"before": "Unlimited", "after": "Small"})


def test_a_limit_of_ones_own_beats_the_plan_and_ends(operator, acme, small):
    assign_plan(acme, small, actor=SYSTEM)
    path = f"/console/tenants/{acme.pk}/quota/"
    data = {"resource": "memory", "limit": "128", "reason": "the launch", "ends": "2999-01-01"}
    assert operator.post(f"{path}override/", data).status_code == 302
    assert limit_of(acme) == 128 * MIB
    assert Event.objects.get(action="tenant.override").data["reason"] == "the launch"
    assert operator.post(f"{path}override/{acme.overrides.get().pk}/end/").status_code == 302
    assert limit_of(acme) == 64 * MIB


def test_a_limit_of_ones_own_survives_a_change_of_the_plan(acme, small):
    override_limit(acme, Resource.MEMORY, 128 * MIB, reason="r", ends_at=None, actor=SYSTEM)
    assign_plan(acme, small, actor=SYSTEM)
    assert limit_of(acme) == 128 * MIB


def test_a_limit_whose_time_is_over_ends_by_itself(acme, small):
    assign_plan(acme, small, actor=SYSTEM)
    soon = timezone.now() + timedelta(hours=1)
    override_limit(acme, Resource.MEMORY, None, reason="r", ends_at=soon, actor=SYSTEM)
    end_overrides_that_are_over()
    assert limit_of(acme) is None
    acme.overrides.update(ends_at=timezone.now())
    end_overrides_that_are_over()
    assert limit_of(acme) == 64 * MIB
    assert Event.objects.filter(action="tenant.override-end", tenant_id=acme.pk).count() == 1


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("limit", "1.5", "no more than 0 decimal places"),
        ("limit", "-3", "greater than or equal to 0"),
        ("ends", "2020-01-01", "That day is over."),
        ("reason", "", "required"),
        ("resource", "gold", "Select a valid choice"),
    ],
)
def test_a_limit_outside_the_rules_is_asked_for_again(operator, acme, field, value, says):
    data = {"resource": "memory", "limit": "128", "reason": "the launch"} | {field: value}
    answer = operator.post(f"/console/tenants/{acme.pk}/quota/override/", data)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not acme.overrides.exists()


def test_members_are_counted_and_refused_beyond_the_plan(acme, small):
    save_plan(small, name="Small", limits={"members": 6}, sizes=[], is_default=False, actor=SYSTEM)
    assign_plan(acme, small, actor=SYSTEM)
    assert Balance.objects.get(account=acme.account, resource="members").reserved == 6
    with pytest.raises(QuotaExceeded, match="Remove a member"):
        add_member(acme, make_user("seventh"), Role.VIEWER, actor=SYSTEM)
    add_member(acme, acme.members.first(), Role.OWNER, actor=SYSTEM)  # a change of role is no further member


# --- the engine -------------------------------------------------------------------------------------------------------
def test_the_engine_promises_its_size_times_the_ratios(operator):
    node = local_node()
    node.facts = {"cpus": 4, "memory_bytes": 1024 * MIB}
    node.save()
    apply_capacity(node)
    assert operator.post("/console/engine/capacity/", {"cpu_ratio": "2", "memory_ratio": "0.5"}).status_code == 302
    limits = dict(Balance.objects.filter(account=node.account).values_list("resource", "limit"))
    assert limits == {"cpu": 8000, "memory": 512 * MIB}
    assert Event.objects.filter(action="node.capacity").exists()


def test_a_ratio_of_nothing_is_refused(operator):
    answer = operator.post("/console/engine/capacity/", {"cpu_ratio": "0", "memory_ratio": "1"}, follow=True)
    assert "greater than or equal to 0.1" in answer.content.decode()
