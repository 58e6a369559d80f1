from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import SignUp, User
from apps.accounts.queries import policy
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core.doorbell import ring
from apps.core.errors import Forbidden, InvalidInput
from apps.tenants.members import add_member
from apps.tenants.models import Grant, InvitedGrant, Plan, RetiredSlug, Tenant
from apps.tenants.names import check_slug
from apps.tenants.permissions import Role
from apps.tenants.plans import apply_limits, default_plan

__all__ = ["add_member", "create_tenant", "forget_application", "rename_tenant"]

RESERVED_SLUGS = frozenset({"www", "api", "console", "static", "admin", "panel"})


@transaction.atomic
def create_tenant(name: str, slug: str, *, owner: User, actor: Actor, plan: Plan | None = None) -> Tenant:
    """A tenant with its first owner, on this plan or the default one.

    Raises InvalidInput for a slug that is bad, taken, or rests after a deletion.
    """
    check_slug(slug, field="slug", max_length=20)
    retired = RetiredSlug.objects.filter(slug=slug, free_at__gt=timezone.now()).first()
    if retired is not None:
        raise InvalidInput(
            f"The short name “{slug}” was a deleted tenant's; it is free again from {retired.free_at:%Y-%m-%d}.",
            field="slug",
        )
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


def may_found_tenant(user: User) -> bool:
    """Whether this person may make a tenant of their own: where anybody may sign up, and for who belongs to none."""
    return policy().sign_up == SignUp.OPEN and not user.memberships.exists()


def not_to_be_founded() -> Forbidden:
    return Forbidden(
        "Whoever belongs to a tenant, and everybody where accounts are made by invitation, asks the operator for a new "
        "one.",
        code="tenants-by-operator",
    )


@transaction.atomic
def found_tenant(name: str, slug: str, *, user: User, actor: Actor) -> Tenant:
    """A tenant of somebody's own, on the default plan. Raises Forbidden where they may not, else as `create_tenant`."""
    User.objects.select_for_update().get(pk=user.pk)  # of two tenants asked for at once, the second finds the first
    if not may_found_tenant(user):
        raise not_to_be_founded()
    return create_tenant(name, slug, owner=user, actor=actor)


@transaction.atomic
def rename_tenant(tenant: Tenant, name: str, *, actor: Actor) -> None:
    """Change the name that people read; the short name, which is in every address, stays."""
    before, tenant.name = tenant.name, name
    tenant.save(update_fields=["name"])
    record("tenant.rename", actor=actor, tenant=tenant, target=tenant, before=before)
    ring(f"tenant:{tenant.pk}")


def forget_application(application_id: int) -> None:
    """What was granted on an application, or promised, goes with it."""
    Grant.objects.filter(application_id=application_id).delete()
    InvitedGrant.objects.filter(application_id=application_id).delete()
