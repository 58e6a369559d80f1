"""`access()`: the only place that decides who may do what. The doors (views, sockets, the worker) all call it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.db.models import Model, QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.core.errors import Forbidden, NotFound
from apps.tenants.models import ApiToken, Impersonation, Membership, Tenant
from apps.tenants.permissions import NEVER_IMPERSONATED, OF_THE_TENANT, PERMISSIONS, READ_ONLY, Permission, Role

Rows = TypeVar("Rows", bound=Model)

#: The id of no application: on it nobody has more than their role gives.
NO_APPLICATION: Final = 0


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may do in a tenant: `permissions` everywhere, `grants` on single applications, by their id.

    `withheld` is what they never may, whatever the role: of an operator who looks through a member. `token` is the name
    of the API token by which they came, if by one.
    """

    tenant: Tenant
    role: Role
    permissions: frozenset[Permission]
    grants: Mapping[int, frozenset[Permission]]
    withheld: frozenset[Permission] = frozenset()
    token: str = ""

    def on(self, application_id: int | None) -> frozenset[Permission]:
        """Everything that is allowed on one application; on the tenant as a whole for None."""
        return self.permissions | self.grants.get(application_id or NO_APPLICATION, frozenset())

    def allows(self, permission: Permission, application_id: int | None = None) -> bool:
        return permission in self.on(application_id)

    def allows_somewhere(self, permission: Permission) -> bool:
        """Whether it is allowed everywhere or on one application at least."""
        return permission in self.permissions or any(permission in granted for granted in self.grants.values())

    @property
    def sees_applications(self) -> bool:
        return self.allows_somewhere(Permission.VIEW)

    def require(self, permission: Permission, application_id: int | None = None) -> None:
        """Raises Forbidden without the right; NotFound for an application to those who have only others."""
        if self.allows(permission, application_id):
            return
        is_confined = self.permissions <= {Permission.ENTER}
        if is_confined and application_id is not None and application_id not in self.grants:
            raise nothing_here()
        raise self.refusal(permission)

    def refusal(self, permission: Permission) -> Forbidden:
        if self.tenant.is_halted and permission not in READ_ONLY:
            return halted(self.tenant)
        if permission in self.withheld:
            return Forbidden(
                f"“{permission.value}” stays with the members of {self.tenant.name}: an operator who looks through one "
                "of them may not do it.",
                code="withheld",
            )
        if self.token:
            return Forbidden(
                f"The token “{self.token}” does not allow “{permission.value}” in {self.tenant.name}: it was made "
                "without, or whoever it belongs to may not do it themselves."
            )
        return Forbidden(
            f"Your role in {self.tenant.name} is {self.role.label.lower()}, which does not include "
            f"“{permission.value}”. An owner or admin can change your role."
        )

    def narrow(self, rows: "QuerySet[Rows]", permission: Permission, *, application: str = "pk") -> "QuerySet[Rows]":
        """Those of the tenant's rows whose application (the field's name) one may see with this permission."""
        if permission in self.permissions:
            return rows
        granted = [pk for pk, permissions in self.grants.items() if permission in permissions]
        return rows.filter(**{f"{application}__in": granted})


class Rule(StrEnum):
    """What decides whether a member may do something."""

    ROLE = "role"
    GRANT = "grant"
    SUSPENSION = "suspension"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Claim:
    """What an open socket rests on: this session, of this user, with this right (`slug` "" means the console)."""

    session_key: str
    user_id: int
    slug: str
    permission: Permission
    application_id: int | None = None
    impersonation_id: int | None = None


def halted(tenant: Tenant) -> Forbidden:
    """Why nothing can be changed in a tenant that is suspended or being deleted."""
    if tenant.is_closed:
        return Forbidden(
            f"{tenant.name} is being deleted: you may look, but nothing can be changed. An owner can undo it.",
            code="tenant-closed",
        )
    return Forbidden(
        f"{tenant.name} is suspended: you may look, but nothing can be changed. Ask the operator.",
        code="tenant-suspended",
    )


def nothing_here() -> NotFound:
    """The one answer to strangers, whether or not there is something."""
    return NotFound("There is nothing here, or it is not yours to see.")


def enter(user: User | AnonymousUser, slug: str) -> Access:
    """What this user may do in the tenant; NotFound to strangers (also operators: their rank gives nothing here)."""
    membership = _memberships().filter(tenant__slug=slug, user=user.pk, user__is_active=True).first()
    if membership is None:
        raise nothing_here()
    return access_of(membership)


def enter_by_token(token: ApiToken, slug: str) -> Access:
    """What this live token may do in the tenant; NotFound in any but its own."""
    if token.tenant.slug != slug:
        raise nothing_here()
    return access_of_token(token)


def look_through(impersonation: Impersonation) -> Access:
    """What an operator may do in the tenant while looking through a member; NotFound if there is no such member.

    The caller has proved that the impersonation is current, and theirs.
    """
    membership = None
    if impersonation.member_id is not None:
        member = _memberships().filter(tenant=impersonation.tenant_id, user=impersonation.member_id)
        membership = member.filter(user__is_active=True).first()
        if membership is None:
            raise nothing_here()
    return _withhold(access_of(membership) if membership else _of_role(Role.OWNER, impersonation.tenant))


def access(user: User | AnonymousUser, slug: str, permission: Permission, application_id: int | None = None) -> Access:
    """Find the tenant and prove the right, in two queries.

    Raises NotFound to strangers and for tenants that do not exist, and Forbidden to members without the right.
    """
    found = enter(user, slug)
    found.require(permission, application_id)
    return found


def check_actor(actor: Actor, tenant: Tenant, permission: Permission, application_id: int | None) -> None:
    """Ask again, as the work begins, whether whoever wished it still may; raises Forbidden if not.

    The panel itself always may.
    """
    if actor.user_id is None and actor.token_id is None:
        return
    found = access_of_actor(actor, tenant)
    if found is None or not found.allows(permission, application_id):
        raise Forbidden(f"{actor.label} may not do this in {tenant.name} any more, so it was not begun.")


def access_of_actor(actor: Actor, tenant: Tenant) -> Access | None:
    """What the actor, or the token by which they came, may do in the tenant as it is now; None for a stranger.

    An operator who looked through a member when they acted needs not look any more: the door allowed it then, and what
    is asked now is whether they are still an operator, and what the tenant's state leaves of anybody's rights.
    """
    if actor.token_id is not None:
        token = ApiToken.objects.with_owners().filter(pk=actor.token_id, tenant=tenant).first()
        return access_of_token(token) if token and token.is_live else None
    if actor.impersonation_id is not None:
        is_operator = User.objects.filter(pk=actor.user_id or 0, is_active=True, is_operator=True).exists()
        return _withhold(_of_role(Role.OWNER, tenant)) if is_operator else None
    membership = _memberships().filter(tenant=tenant, user=actor.user_id or 0, user__is_active=True).first()
    return access_of(membership) if membership else None


def access_of(membership: Membership) -> Access:
    """What a membership (with its grants) allows."""
    return _access_of(membership, _left_in(membership.tenant))


def access_of_token(token: ApiToken) -> Access:
    """What a token allows: its abilities, on its applications, as far as whoever it belongs to may do that now."""
    owner = access_of(token.membership) if token.membership else _of_role(Role(token.role), token.tenant)
    everywhere, singly = owner.permissions, owner.grants
    if token.application_ids is not None:
        everywhere, singly = frozenset(), {pk: owner.on(pk) for pk in token.application_ids}
    abilities = token.permissions
    grants = {pk: granted & abilities for pk, granted in singly.items() if granted & abilities}
    return Access(token.tenant, owner.role, everywhere & abilities, grants, token=token.name)


def rule_for(membership: Membership, permission: Permission, application_id: int | None = None) -> Rule:
    """What decides about a permission: found by asking what is allowed, so that it never says otherwise."""
    now = access_of(membership)
    if permission in now.permissions:
        return Rule.ROLE
    if now.allows(permission, application_id):
        return Rule.GRANT
    unless_halted = _access_of(membership, frozenset(Permission))
    return Rule.SUSPENSION if unless_halted.allows(permission, application_id) else Rule.NOTHING


def _access_of(membership: Membership, allowed: frozenset[Permission]) -> Access:
    grants = {
        grant.application_id: (PERMISSIONS[Role(grant.role)] & allowed) - OF_THE_TENANT
        for grant in membership.grants.all()
    }
    tenant, role = membership.tenant, Role(membership.role)
    return Access(tenant, role, PERMISSIONS[role] & allowed, grants)


def _of_role(role: Role, tenant: Tenant) -> Access:
    return Access(tenant, role, PERMISSIONS[role] & _left_in(tenant), {})


def _left_in(tenant: Tenant) -> frozenset[Permission]:
    """What the tenant's state leaves of anybody's permissions; of one being deleted, also the undoing of that."""
    if not tenant.is_halted:
        return frozenset(Permission)
    return READ_ONLY | {Permission.CLOSE} if tenant.is_closed else READ_ONLY


def _withhold(found: Access) -> Access:
    return replace(
        found,
        permissions=found.permissions - NEVER_IMPERSONATED,
        grants={pk: granted - NEVER_IMPERSONATED for pk, granted in found.grants.items()},
        withheld=NEVER_IMPERSONATED,
    )


def still_allowed(claims: Collection[Claim]) -> set[Claim]:
    """Those of the claims that still hold, in five queries whatever their number."""
    sessions = set(
        Session.objects.filter(
            session_key__in={claim.session_key for claim in claims}, expire_date__gt=timezone.now()
        ).values_list("session_key", flat=True)
    )
    users = {claim.user_id for claim in claims}
    looking = Impersonation.objects.current().in_bulk(
        {claim.impersonation_id for claim in claims if claim.impersonation_id is not None}
    )
    members = users | {found.member_id for found in looking.values() if found.member_id is not None}
    accesses = {
        (membership.user_id, membership.tenant.slug): access_of(membership)
        for membership in _memberships().filter(user__in=members, user__is_active=True)
    }
    operators = set(User.objects.filter(pk__in=users, is_active=True, is_operator=True).values_list("pk", flat=True))

    def accessed(claim: Claim) -> Access | None:
        if claim.impersonation_id is None:
            return accesses.get((claim.user_id, claim.slug))
        through = looking.get(claim.impersonation_id)
        if through is None or through.tenant.slug != claim.slug:
            return None
        if through.member_id is None:
            return _withhold(_of_role(Role.OWNER, through.tenant))
        found = accesses.get((through.member_id, claim.slug))
        return found and _withhold(found)

    def holds(claim: Claim) -> bool:
        if not claim.slug:
            return claim.user_id in operators
        found = accessed(claim)
        return found is not None and found.allows(claim.permission, claim.application_id)

    return {claim for claim in claims if claim.session_key in sessions and holds(claim)}


def _memberships() -> "QuerySet[Membership]":
    return Membership.objects.select_related("tenant").prefetch_related("grants")
