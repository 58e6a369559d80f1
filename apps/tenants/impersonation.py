"""An operator looks at a tenant through one of its members: for half an hour, for a reason, before everybody's eyes."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import MAX_ACTOR_LABEL, SYSTEM, Actor
from apps.audit.services import record
from apps.core.errors import Busy, InvalidInput, NotFound
from apps.tenants.access import Access, enter, look_through
from apps.tenants.models import Impersonation, Tenant

LASTS: Final = timedelta(minutes=30)
#: Where the session keeps the id of its impersonation.
IN_SESSION: Final = "impersonation"


# --- the doors' question ----------------------------------------------------------------------------------------------
def enter_from(session: SessionBase, user: User | AnonymousUser, slug: str) -> tuple[Access, Impersonation | None]:
    """What one may do in the tenant: as oneself or, where this session looks at it through a member, as that member.

    Raises NotFound like `enter`; to an operator whose time is over, with words that say so.
    """
    if IN_SESSION not in session:
        return enter(user, slug), None
    impersonation = impersonation_of(session, user)
    if impersonation is not None and impersonation.tenant.slug == slug:
        return look_through(impersonation), impersonation
    try:
        return enter(user, slug), None
    except NotFound as error:
        if Impersonation.objects.filter(pk=session[IN_SESSION], operator=user.pk, tenant__slug=slug).exists():
            raise NotFound(
                "You do not look at this tenant any more: your time was over, or it was ended. Begin again in the "
                "console.",
                code="impersonation-over",
            ) from error
        raise


def impersonation_of(session: SessionBase, user: User | AnonymousUser) -> Impersonation | None:
    """The impersonation that this session holds and that still gives a right, if any."""
    if IN_SESSION not in session:
        return None
    mine = Impersonation.objects.current().filter(operator=user.pk, session_key=session.session_key)
    return mine.filter(pk=session[IN_SESSION]).first()


def acting_through(actor: Actor, impersonation: Impersonation) -> Actor:
    """The operator, named with the member they look through."""
    return replace(actor, label=str(impersonation)[:MAX_ACTOR_LABEL], impersonation_id=impersonation.pk)


# --- beginning and ending ---------------------------------------------------------------------------------------------
@transaction.atomic
def begin_impersonation(
    tenant: Tenant, *, operator: User, member: User | None, reason: str, session_key: str, actor: Actor
) -> Impersonation:
    """Let an operator look through a member (None: through the role of an owner), in this session.

    What the session looked through before ends. Raises InvalidInput without a reason, or for somebody who is not an
    active member.
    """
    if not reason.strip():
        raise InvalidInput("Say why: the members of the tenant read it in their activity.", field="reason")
    if member is not None and not tenant.memberships.filter(user=member, user__is_active=True).exists():
        raise InvalidInput(f"{member} is not an active member of {tenant.name}.", field="member")
    for other in Impersonation.objects.open().filter(session_key=session_key).select_related("tenant", "member"):
        end_impersonation(other, actor=actor)
    try:
        with transaction.atomic():
            impersonation = Impersonation.objects.create(
                operator=operator,
                tenant=tenant,
                member=member,
                reason=reason.strip(),
                session_key=session_key,
                ends_at=timezone.now() + LASTS,
            )
    except IntegrityError as error:
        raise Busy("You began to look through somebody at this very moment, in another window.") from error
    minutes = LASTS // timedelta(minutes=1)
    _record(
        "impersonation.begin", impersonation, actor, message=f"For {minutes} minutes at most: {impersonation.reason}"
    )
    return impersonation


@transaction.atomic
def end_impersonation(impersonation: Impersonation, *, actor: Actor, message: str = "") -> None:
    """Its right ends now; one that has ended already stays as it is."""
    ended = Impersonation.objects.open().filter(pk=impersonation.pk).update(ended_at=timezone.now())
    if ended:
        _record("impersonation.end", impersonation, actor, message=message)


def lapse_impersonations() -> None:
    """Write the end of those that give no right any more: the doors stopped heeding them by themselves."""
    session = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    current = Impersonation.objects.current().filter(Exists(session))
    for impersonation in (
        Impersonation.objects.open().exclude(pk__in=current.values("pk")).select_related("operator", "tenant", "member")
    ):
        is_over = impersonation.ends_at <= timezone.now()
        why = "the time was over" if is_over else "the session, or a right that it rested on, had ended"
        end_impersonation(impersonation, actor=SYSTEM, message=f"{impersonation}: {why}.")


def _record(action: str, impersonation: Impersonation, actor: Actor, *, message: str) -> None:
    record(
        action,
        actor=actor,
        tenant=impersonation.tenant,
        target=impersonation.member,
        label=impersonation.through,
        message=message,
        impersonation=impersonation.pk,
    )
