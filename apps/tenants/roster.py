"""The rows of members and invitations: only here do they come to be and end, and only under the tenant's lock.

`members` and `invitations` say what people do with them. Of two changes at once the second waits, then asks anew what
its actor may do and what there is: so two owners who remove each other leave one.
"""

from collections.abc import Mapping
from datetime import datetime

from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core.doorbell import ring
from apps.core.errors import Forbidden, InvalidInput, NotFound
from apps.quotas.ledger import Ledger, hand_over, release
from apps.quotas.resources import Resource
from apps.tenants.access import Access, access_of, access_of_actor, nothing_here
from apps.tenants.applications import application_names
from apps.tenants.models import Grant, Invitation, InvitedGrant, Membership, Tenant
from apps.tenants.permissions import GRANTABLE, PERMISSIONS, Permission, Role


# --- the lock and the rules -------------------------------------------------------------------------------------------
def lock(tenant: Tenant) -> Tenant:
    """The tenant as it is now. Who else changes its members waits until this transaction ends."""
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def authority(tenant: Tenant, actor: Actor) -> Access:
    """Lock the tenant, and say what the actor may do there now. Raises Forbidden unless they manage its members."""
    found = access_of_actor(actor, lock(tenant))
    if found is None:
        raise nothing_here()
    found.require(Permission.MEMBERS)
    return found


def current(membership: Membership) -> Membership:
    """The membership as it is now; NotFound if it has ended meanwhile."""
    found = Membership.objects.select_related("tenant", "user").filter(pk=membership.pk).first()
    if found is None:
        raise NotFound(f"{membership.user} is not a member any more.")
    return found


def check_reach(access: Access, role: Role) -> None:
    """Raises Forbidden for a role above one's own: nobody gives it, takes it, or changes somebody who has it."""
    if role.is_above(access.role):
        raise Forbidden(
            f"Your role in {access.tenant.name} is {access.role.label.lower()}, and {role.label.lower()} is above it: "
            "only somebody who has that role can give it, or change somebody who has it.",
            code="above-own-role",
        )


def check_owner_remains(membership: Membership) -> None:
    """Raises InvalidInput if the tenant would be left without an owner who can sign in."""
    tenant = membership.tenant
    others = tenant.memberships.filter(role=Role.OWNER, user__is_active=True).exclude(pk=membership.pk)
    if membership.role == Role.OWNER and not others.exists():
        raise InvalidInput(
            f"{membership.user} is the only owner of {tenant.name}. Make somebody else owner first.",
            code="last-owner",
            field="role",
        )


def check_may_leave(membership: Membership, actor: Actor) -> None:
    """Raises InvalidInput for the last owner, Forbidden for somebody else's membership and while nothing can change."""
    if membership.user_id != actor.user_id:
        raise Forbidden(f"Only {membership.user} can leave: nobody does it in their place.", code="withheld")
    if membership.tenant.is_halted:
        raise access_of(membership).refusal(Permission.MEMBERS)
    check_owner_remains(membership)


def check_grants(tenant: Tenant, grants: Mapping[int, Role]) -> dict[int, str]:
    """The names of the tenant's applications; raises InvalidInput for a grant on another or of another role."""
    names = application_names(tenant)
    if unknown := grants.keys() - names.keys():
        raise InvalidInput(f"{tenant.name} has no application with the number {min(unknown)}.")
    if wrong := set(grants.values()) - set(GRANTABLE):
        raise InvalidInput(f"The role {min(wrong)} is never granted on a single application.")
    return names


# --- members ----------------------------------------------------------------------------------------------------------
def join(tenant: Tenant, user: User, role: Role) -> Membership:
    """A new member; who is one already stays as they are. Raises QuotaExceeded."""
    membership, _ = Membership.objects.get_or_create(tenant=tenant, user=user, defaults={"role": role})
    Ledger(tenant.account).hold(membership.holder, {Resource.MEMBERS: 1})
    ring(_topic(tenant))
    return membership


def take_place(invitation: Invitation, user: User) -> Membership | None:
    """End the invitation, and make the user a member in its place; who is one already stays as they are.

    None if it has ended, or its link was renewed, since the caller looked. The place is handed over and not given back
    in between: a plan that has become smaller does not turn away who was invited before.
    """
    holder = invitation.holder
    if not _delete(invitation):
        return None
    membership, is_new = Membership.objects.get_or_create(
        tenant=invitation.tenant, user=user, defaults={"role": invitation.role}
    )
    if is_new:
        hand_over(holder, membership.holder)
    else:
        release(holder)
    ring(_topic(invitation.tenant))
    return membership


def set_role(membership: Membership, role: Role) -> None:
    membership.role = role
    membership.save(update_fields=["role"])
    ring(_topic(membership.tenant))


def set_grants(membership: Membership, grants: Mapping[int, Role]) -> None:
    """Exactly these, from now on."""
    membership.grants.exclude(application_id__in=grants).delete()
    Grant.objects.bulk_create(
        [Grant(membership=membership, application_id=pk, role=role) for pk, role in grants.items()],
        update_conflicts=True,
        unique_fields=["membership", "application_id"],
        update_fields=["role"],
    )
    ring(_topic(membership.tenant))


def end(membership: Membership, *, actor: Actor) -> None:
    """With the membership goes all that rests on it: grants, and invitations that only a member may give."""
    for invitation in invitations_beyond(membership, None):
        close_invitation(invitation)
        record_end("invitation.revoke", invitation, actor=actor)
    release(membership.holder)
    membership.delete()
    ring(_topic(membership.tenant))


# --- invitations ------------------------------------------------------------------------------------------------------
def open_invitation(
    tenant: Tenant,
    email: str,
    role: Role,
    grants: Mapping[int, Role],
    *,
    token_digest: str,
    was_mailed: bool,
    invited_by: User,
    expires_at: datetime,
) -> Invitation:
    """Raises QuotaExceeded: who is invited has a place already."""
    invitation = Invitation.objects.create(
        tenant=tenant,
        email=email,
        role=role,
        token_digest=token_digest,
        was_mailed=was_mailed,
        invited_by=invited_by,
        expires_at=expires_at,
    )
    InvitedGrant.objects.bulk_create(
        InvitedGrant(invitation=invitation, application_id=pk, role=granted) for pk, granted in grants.items()
    )
    Ledger(tenant.account).hold(invitation.holder, {Resource.MEMBERS: 1})
    ring(_topic(tenant))
    return invitation


def close_invitation(invitation: Invitation) -> bool:
    """End it without a member; False if it has ended, or its link was renewed, since the caller looked."""
    if not _delete(invitation):
        return False
    release(invitation.holder)
    ring(_topic(invitation.tenant))
    return True


def invitations_beyond(membership: Membership, role: Role | None) -> list[Invitation]:
    """Those that a member gave and could not give with this role (None: as no member at all)."""
    given = membership.tenant.invitations.filter(invited_by=membership.user).select_related("tenant")
    if role is None or Permission.MEMBERS not in PERMISSIONS[role]:
        return list(given)
    return [invitation for invitation in given if Role(invitation.role).is_above(role)]


def record_end(action: str, invitation: Invitation, *, actor: Actor) -> None:
    record(action, actor=actor, tenant=invitation.tenant, target=invitation, role=invitation.role)


def _delete(invitation: Invitation) -> bool:
    rows = Invitation.objects.filter(pk=invitation.pk, token_digest=invitation.token_digest)
    _, deleted = rows.delete()
    return bool(deleted.get(Invitation._meta.label))


def _topic(tenant: Tenant) -> str:
    return f"tenant:{tenant.pk}"
