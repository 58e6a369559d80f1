"""Invitations: a link, for one address, to one tenant, once, within 72 hours. Of its token only a digest is kept.

Where mail is configured the link goes to the address and nowhere else, so that opening it proves the address. Where it
is not, whoever invites gets the link to hand over.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import actor_for
from apps.accounts.sign_up import make_account
from apps.audit.actor import SYSTEM, Actor
from apps.audit.queries import count_done
from apps.audit.services import record
from apps.core import mail
from apps.core.errors import Forbidden, InvalidInput, NotFound, TooManyAttempts
from apps.tenants import roster
from apps.tenants.models import Invitation, Membership, Tenant
from apps.tenants.permissions import Role

VALID_FOR: Final = timedelta(hours=72)
MAX_PENDING: Final = 100
#: Invitations that a tenant may send in an hour, renewed ones too: each may be a mail to a stranger.
MAX_PER_HOUR: Final = 100


@dataclass(frozen=True, slots=True)
class Issued:
    """An invitation under way; `link` is there to be shown, once, if it could not be mailed."""

    invitation: Invitation
    link: str


# --- by who invites ---------------------------------------------------------------------------------------------------
@transaction.atomic
def invite_member(
    tenant: Tenant, email: str, role: Role, grants: Mapping[int, Role], *, inviter: User, actor: Actor
) -> Issued:
    """Invite an address to a role in the tenant and to roles on single applications, by their ids.

    Raises Forbidden without the permission and for a role above one's own; InvalidInput for an address that is a
    member's or invited already, for an application that the tenant has not, and (QuotaExceeded) without a place left;
    TooManyAttempts beyond the bounds.
    """
    access = roster.authority(tenant, actor)
    email = email.strip().lower()
    roster.check_reach(access, role)
    roster.check_grants(tenant, grants)
    _end_expired(tenant.invitations.filter(email=email))
    if tenant.memberships.filter(user__email=email).exists():
        raise InvalidInput(f"{email} is a member of {tenant.name} already.", field="email", code="already-member")
    if tenant.invitations.filter(email=email).exists():
        raise InvalidInput(
            f"{email} is invited already. Renew that invitation, or withdraw it first.",
            field="email",
            code="already-invited",
        )
    if tenant.invitations.count() >= MAX_PENDING:
        raise TooManyAttempts(f"{MAX_PENDING} invitations are pending. Withdraw some, or wait until they are used.")
    _check_pace(tenant)
    token = secrets.token_urlsafe(32)
    invitation = roster.open_invitation(
        tenant,
        email,
        role,
        grants,
        token_digest=_digest(token),
        was_mailed=mail.is_configured(),
        invited_by=inviter,
        expires_at=timezone.now() + VALID_FOR,
    )
    record("member.invite", actor=actor, tenant=tenant, target=invitation, role=role.value)
    return _issue(invitation, token)


@transaction.atomic
def resend_invitation(invitation: Invitation, *, inviter: User, actor: Actor) -> Issued:
    """A new link with another 72 hours, in the name of who renews it; the old link dies.

    Raises as `invite_member` does, and NotFound if the invitation has ended meanwhile.
    """
    tenant = invitation.tenant
    access = roster.authority(tenant, actor)
    roster.check_reach(access, Role(invitation.role))
    _check_pace(tenant)
    token = secrets.token_urlsafe(32)
    renewed = {
        "token_digest": _digest(token),
        "was_mailed": mail.is_configured(),
        "invited_by": inviter,
        "expires_at": timezone.now() + VALID_FOR,
    }
    if not Invitation.objects.filter(pk=invitation.pk).update(**renewed):
        raise _gone()
    invitation.refresh_from_db()
    record("invitation.resend", actor=actor, tenant=tenant, target=invitation, role=invitation.role)
    return _issue(invitation, token)


@transaction.atomic
def revoke_invitation(invitation: Invitation, *, actor: Actor) -> None:
    """Raises Forbidden without the permission, and for an invitation to a role above one's own."""
    access = roster.authority(invitation.tenant, actor)
    roster.check_reach(access, Role(invitation.role))
    if not roster.close_invitation(invitation):
        raise _gone()
    roster.record_end("invitation.revoke", invitation, actor=actor)


# --- by who is invited ------------------------------------------------------------------------------------------------
def find_invitation(token: str) -> Invitation:
    """The invitation that this link opens. The same NotFound for one used, withdrawn, expired, or that never was."""
    found = (
        Invitation.objects.select_related("tenant", "invited_by")
        .filter(token_digest=_digest(token), expires_at__gt=timezone.now(), invited_by__is_active=True)
        .first()
    )
    if found is None:
        raise _gone()
    return found


@transaction.atomic
def accept_invitation(invitation: Invitation, user: User, *, actor: Actor) -> Membership:
    """Use it up: the user is a member. Of many at once, one succeeds; the others find it used.

    Raises Forbidden if it is for another address, or while the tenant is halted. Who is a member already keeps
    their role, and gets what was granted beside it.
    """
    if user.email != invitation.email:
        raise Forbidden(f"This invitation is not for {user.email}.", code="not-for-you")
    tenant = roster.lock(invitation.tenant)
    if tenant.is_halted:
        state = tenant.state.label.lower()
        raise Forbidden(f"{tenant.name} is {state}. Open this link again when it is not.", code="tenant-halted")
    promised = {grant.application_id: Role(grant.role) for grant in invitation.grants.all()}
    membership = roster.take_place(invitation, user)
    if membership is None:
        raise _gone()
    had = {grant.application_id: Role(grant.role) for grant in membership.grants.all()}
    roster.set_grants(membership, had | promised)
    record("invitation.accept", actor=actor, tenant=tenant, target=tenant, role=membership.role)
    return membership


@transaction.atomic
def accept_as_newcomer(invitation: Invitation, name: str, password: str, *, actor: Actor) -> User:
    """Make the account of the invited address, and accept: both or neither.

    Raises InvalidInput if there is an account of that address, and as `accept_invitation` does.
    """
    user = make_account(invitation.email, name, password, is_verified=invitation.was_mailed, actor=actor)
    accept_invitation(invitation, user, actor=actor_for(user, actor))
    return user


# --- by nobody --------------------------------------------------------------------------------------------------------
def end_expired_invitations() -> None:
    """End those whose time is up, in all tenants."""
    _end_expired(Invitation.objects.all())


def _end_expired(invitations: QuerySet[Invitation]) -> None:
    for invitation in invitations.filter(expires_at__lte=timezone.now()).select_related("tenant"):
        with transaction.atomic():
            roster.lock(invitation.tenant)
            if roster.close_invitation(invitation):
                roster.record_end("invitation.expire", invitation, actor=SYSTEM)


def _issue(invitation: Invitation, token: str) -> Issued:
    path = reverse("invitation-accept", args=[token])
    link = mail.address_of(path)
    if not invitation.was_mailed:
        return Issued(invitation, link)
    # A name is its owner's text: in a subject it has one line.
    subject = " ".join(f"{invitation.invited_by.name} invites you to {invitation.tenant.name}".split())
    context: dict[str, object] = {"invitation": invitation, "link": link}
    transaction.on_commit(partial(mail.send_mail, invitation.email, subject, "tenants/mail/invitation.txt", context))
    return Issued(invitation, "")


def _check_pace(tenant: Tenant) -> None:
    sent = count_done(tenant.pk, ("member.invite", "invitation.resend"), within=timedelta(hours=1))
    if sent >= MAX_PER_HOUR:
        raise TooManyAttempts(f"{tenant.name} has sent {sent} invitations within an hour. Wait a while, then go on.")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _gone() -> NotFound:
    return NotFound(
        "This invitation is not valid: it was used or withdrawn, its time was up, or there never was one. "
        "Ask whoever invited you for a new one.",
        code="invitation-gone",
    )
