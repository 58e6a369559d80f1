from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core.errors import InvalidInput
from apps.quotas.ledger import Ledger
from apps.quotas.resources import Resource
from apps.tenants.models import Grant, Membership, Plan, Tenant
from apps.tenants.names import check_slug
from apps.tenants.permissions import Role
from apps.tenants.plans import apply_limits, default_plan

RESERVED_SLUGS = frozenset({"www", "api", "console", "static", "admin", "panel"})


@transaction.atomic
def create_tenant(name: str, slug: str, *, owner: User, actor: Actor, plan: Plan | None = None) -> Tenant:
    """A tenant with its first owner, on this plan or the default one. Raises InvalidInput for a bad or taken slug."""
    check_slug(slug, field="slug", max_length=20)
    try:
        with transaction.atomic():
            if slug in RESERVED_SLUGS:
                raise IntegrityError
            tenant = Tenant.objects.create(name=name, slug=slug, plan=plan or default_plan())
    except IntegrityError as error:
        raise InvalidInput(f"The short name “{slug}” is taken.", field="slug") from error
    apply_limits(tenant)
    record("tenant.create", actor=actor, tenant=tenant, target=tenant, plan=tenant.plan.name)
    add_member(tenant, owner, Role.OWNER, actor=actor)
    return tenant


@transaction.atomic
def add_member(tenant: Tenant, user: User, role: Role, *, actor: Actor) -> Membership:
    """Give a user a role in the tenant; a member already there changes role. Raises QuotaExceeded."""
    membership, _ = Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role})
    Ledger(tenant.account).hold(membership.holder, {Resource.MEMBERS: 1})
    record("member.add", actor=actor, tenant=tenant, target=user, role=role.value)
    return membership


def forget_application(application_id: int) -> None:
    """What was granted on an application goes with it."""
    Grant.objects.filter(application_id=application_id).delete()
