"""`access()`: the only place that decides who may do what. The doors (views, sockets, the API) all call it."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.accounts.models import User
from apps.core.errors import Forbidden, NotFound
from apps.tenants.models import Membership, Role, Tenant


class Permission(StrEnum):
    VIEW = "view"
    LOGS = "logs"
    AUDIT = "audit"
    DEPLOY = "deploy"
    MANAGE = "manage"
    SECRETS_REVEAL = "secrets-reveal"
    DELETE = "delete"


PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.OWNER: frozenset(Permission),
    Role.VIEWER: frozenset({Permission.VIEW, Permission.LOGS, Permission.AUDIT}),
}

#: What stays possible in a suspended tenant.
READ_ONLY: Final = frozenset({Permission.VIEW, Permission.LOGS, Permission.AUDIT})


@dataclass(frozen=True, slots=True)
class Access:
    """A right that was found to hold: who, where, and everything that they may do there."""

    tenant: Tenant
    role: Role
    permissions: frozenset[Permission]

    def allows(self, permission: Permission) -> bool:
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Claim:
    """What an open socket rests on: this session, of this user, with this right (`slug` "" means the console)."""

    session_key: str
    user_id: int
    slug: str
    permission: Permission


def access(user: User | AnonymousUser, slug: str, permission: Permission) -> Access:
    """Find the tenant and prove the right, in one query.

    Raises NotFound to strangers (also operators: their rank gives nothing here) and for tenants that do not exist, and
    Forbidden to members without the right.
    """
    membership = (
        Membership.objects.select_related("tenant")
        .filter(tenant__slug=slug, user=user.pk, user__is_active=True)
        .first()
    )
    if membership is None:
        raise NotFound("There is nothing here, or it is not yours to see.")
    permissions = _permissions(membership)
    if permission not in permissions:
        if membership.tenant.is_suspended and permission in PERMISSIONS[Role(membership.role)]:
            raise Forbidden(
                f"{membership.tenant.name} is suspended: you may look, but nothing can be changed. Ask the operator.",
                code="tenant-suspended",
            )
        raise Forbidden(
            f"Your role in {membership.tenant.name} is {membership.get_role_display().lower()}, which does not include "
            f"“{permission.value}”. An owner can change your role."
        )
    return Access(membership.tenant, Role(membership.role), permissions)


def still_allowed(claims: Collection[Claim]) -> set[Claim]:
    """Those of the claims that still hold, in three queries whatever their number."""
    sessions = set(
        Session.objects.filter(
            session_key__in={claim.session_key for claim in claims}, expire_date__gt=timezone.now()
        ).values_list("session_key", flat=True)
    )
    users = {claim.user_id for claim in claims}
    memberships = {
        (membership.user_id, membership.tenant.slug): _permissions(membership)
        for membership in Membership.objects.select_related("tenant").filter(user__in=users, user__is_active=True)
    }
    operators = set(User.objects.filter(pk__in=users, is_active=True, is_operator=True).values_list("pk", flat=True))
    return {
        claim
        for claim in claims
        if claim.session_key in sessions
        and (
            claim.permission in memberships.get((claim.user_id, claim.slug), frozenset())
            if claim.slug
            else claim.user_id in operators
        )
    }


def _permissions(membership: Membership) -> frozenset[Permission]:
    permissions = PERMISSIONS[Role(membership.role)]
    return permissions & READ_ONLY if membership.tenant.is_suspended else permissions
