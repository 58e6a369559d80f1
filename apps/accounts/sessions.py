"""Where people are signed in. A session is Django's row; deleting it signs out, open sockets within seconds."""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone

from apps.accounts.models import AuthenticatorApp, Passkey, Required, SignInPolicy, User, UserSession
from apps.audit.actor import Actor
from apps.audit.services import record

#: A visit is written down once in this time, not at every click.
NOTED_EVERY: Final = timedelta(minutes=1)
_MAX_DEVICE: Final = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """What a signed-in person's request rests on."""

    lacks_second_factor: bool
    """The operator demands one and this person has none: until then, they can only set one up."""


def note_visit(user: User, session_key: str, *, ip: str, device: str) -> Standing:
    """Remember that somebody was here (one query, mostly); says what their session is good for."""
    device = device[:_MAX_DEVICE]
    found = _rows(session_key).first()
    if found is None:
        begin_session(user, session_key, ip=ip, device=device)
        found = _rows(session_key).first()
        if found is None:
            return Standing(lacks_second_factor=False)  # signed out in this moment: the next click is a stranger's
    if timezone.now() - found.last_seen_at > NOTED_EVERY:
        UserSession.objects.filter(pk=session_key).update(last_seen_at=timezone.now(), ip=ip, device=device)
        User.objects.filter(pk=user.pk).update(last_seen_at=timezone.now())
    is_demanded = found.rule == Required.EVERYBODY or (found.rule == Required.OPERATORS and user.is_operator)
    return Standing(lacks_second_factor=is_demanded and not (found.has_app or found.has_passkey))


def begin_session(user: User, session_key: str, *, ip: str, device: str) -> None:
    """Put a session that is stored already into the list of its user's."""
    values = {"user": user, "number": uuid.uuid4(), "ip": ip, "device": device[:_MAX_DEVICE]}
    with suppress(IntegrityError), transaction.atomic():  # it may end, or be listed, at this very moment
        UserSession.objects.create(pk=session_key, last_seen_at=timezone.now(), **values)
        User.objects.filter(pk=user.pk).update(last_seen_at=timezone.now())


def revoke_session(session: UserSession, *, actor: Actor) -> None:
    record("session.revoke", actor=actor, target=session.user, device=session.device, address=session.ip)
    Session.objects.filter(pk=session.pk).delete()


def revoke_other_sessions(user: User, *, keep: str, actor: Actor) -> None:
    """Sign out everywhere but here (`keep` is the key of the session that asks)."""
    record("session.revoke-others", actor=actor, target=user, sessions=end_sessions(user, keep=keep))


def end_sessions(user: User, *, keep: str = "") -> int:
    """Sign a person out of every session but one; says of how many. The caller records why."""
    ended = list(user.sessions.exclude(pk=keep).values_list("pk", flat=True))
    Session.objects.filter(pk__in=ended).delete()
    return len(ended)


def forget_expired() -> None:
    """Sessions that have run out are only rows in the way; strangers' last for minutes."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


def _rows(session_key: str) -> "QuerySet[Any]":
    """The session's row with the operator's rule and what its user has to meet it."""
    return UserSession.objects.filter(pk=session_key).annotate(
        rule=Subquery(SignInPolicy.objects.values("second_factor")[:1]),
        has_app=Exists(AuthenticatorApp.objects.filter(user=OuterRef("user"))),
        has_passkey=Exists(Passkey.objects.filter(user=OuterRef("user"))),
    )
