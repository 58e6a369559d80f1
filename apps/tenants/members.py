"""What people do with the members of a tenant. The rules are `roster`'s: asked under the tenant's lock."""

from collections.abc import Mapping

from django.db import transaction

from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.tenants import roster
from apps.tenants.models import Membership, Tenant
from apps.tenants.permissions import Role


@transaction.atomic
def add_member(tenant: Tenant, user: User, role: Role, *, actor: Actor) -> Membership:
    """Give a user a role in the tenant, asking nobody; a member already there changes role."""
    tenant = roster.lock(tenant)
    membership = roster.join(tenant, user, role)
    if membership.role != role:
        roster.set_role(membership, role)
    record("member.add", actor=actor, tenant=tenant, target=user, role=role.value)
    return membership


@transaction.atomic
def change_member(membership: Membership, role: Role, grants: Mapping[int, Role], *, actor: Actor) -> None:
    """Give a member this role, and on single applications (by their ids) exactly these.

    Raises Forbidden without the permission, for somebody above oneself and for a role above one's own; InvalidInput
    for the last owner and for an application that the tenant has not.
    """
    access = roster.authority(membership.tenant, actor)
    membership = roster.current(membership)
    before = Role(membership.role)
    roster.check_reach(access, before)
    roster.check_reach(access, role)
    if role != before:
        roster.check_owner_remains(membership)
        _withdraw_invitations(membership, role, actor=actor)
        roster.set_role(membership, role)
        record(
            "member.role",
            actor=actor,
            tenant=membership.tenant,
            target=membership.user,
            role=role.value,
            before=before.value,
        )
    _change_grants(membership, grants, actor=actor)


@transaction.atomic
def remove_member(membership: Membership, *, actor: Actor) -> None:
    """Raises Forbidden without the permission and for somebody above oneself, InvalidInput for the last owner."""
    access = roster.authority(membership.tenant, actor)
    membership = roster.current(membership)
    roster.check_reach(access, Role(membership.role))
    roster.check_owner_remains(membership)
    record("member.remove", actor=actor, tenant=membership.tenant, target=membership.user, role=membership.role)
    roster.end(membership, actor=actor)


@transaction.atomic
def leave_tenant(membership: Membership, *, actor: Actor) -> None:
    """End one's own membership. Raises InvalidInput for the last owner.

    Raises Forbidden while the tenant is halted, and to an operator who looks through the member.
    """
    tenant = roster.lock(membership.tenant)
    membership = roster.current(membership)
    roster.check_may_leave(membership, actor)
    record("member.leave", actor=actor, tenant=tenant, target=tenant, role=membership.role)
    roster.end(membership, actor=actor)


def _change_grants(membership: Membership, grants: Mapping[int, Role], *, actor: Actor) -> None:
    before = {grant.application_id: Role(grant.role) for grant in membership.grants.all()}
    if before == grants:
        return
    names = roster.check_grants(membership.tenant, grants)
    roster.set_grants(membership, grants)
    changes = {
        names.get(pk, str(pk)): [before[pk].value if pk in before else "", grants[pk].value if pk in grants else ""]
        for pk in before.keys() | grants.keys()
        if before.get(pk) != grants.get(pk)
    }
    record("member.grant", actor=actor, tenant=membership.tenant, target=membership.user, changes=changes)


def _withdraw_invitations(membership: Membership, role: Role, *, actor: Actor) -> None:
    """Those that the member could not give any more with their new role."""
    for invitation in roster.invitations_beyond(membership, role):
        roster.close_invitation(invitation)
        roster.record_end("invitation.revoke", invitation, actor=actor)
