"""API tokens: made, shown once, recognised, revoked."""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.audit.models import Result
from apps.audit.services import record
from apps.core.errors import InvalidInput, TooManyAttempts, Unauthenticated
from apps.tenants.access import access_of, nothing_here
from apps.tenants.models import ApiToken, Tenant
from apps.tenants.permissions import OFFERED_TO_TOKENS, Permission
from apps.tenants.roster import authority, lock

#: What a secret begins with; 64 hexadecimal digits follow. Scanners of code find it by this.
PREFIX: Final = "berth_"
MAX_LIFETIME: Final = timedelta(days=366)

#: So often at most is written that a token is used, and that one is used which is not valid any more.
USE_INTERVAL: Final = timedelta(minutes=1)
REFUSAL_INTERVAL: Final = timedelta(hours=1)

FAILURE_WINDOW: Final = timedelta(minutes=10)
FAILURES_PER_ADDRESS: Final = 30


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A token to be made. `application_ids` are all that it sees; None: everything, also what is still to come."""

    name: str
    abilities: frozenset[Permission]
    application_ids: frozenset[int] | None
    expires_at: datetime


# --- making and revoking ----------------------------------------------------------------------------------------------
@transaction.atomic
def create_personal_token(tenant: Tenant, user: User, wish: TokenWish, *, actor: Actor) -> tuple[ApiToken, str]:
    """A token of a member for this tenant, and its secret, which is not kept.

    What it may do is asked of its person again at every use. Raises InvalidInput for what no token may have, or what
    they may not do themselves anywhere, and for an end that is not within a year; NotFound to strangers.
    """
    membership = lock(tenant).memberships.filter(user=user).first()
    if membership is None:
        raise nothing_here()
    access = access_of(membership)
    held = frozenset(permission for permission in Permission if access.allows_somewhere(permission))
    return _create(access.tenant, wish, held, actor, membership=membership)


@transaction.atomic
def create_tenant_token(tenant: Tenant, wish: TokenWish, *, actor: Actor) -> tuple[ApiToken, str]:
    """A token of the tenant's own, which survives its maker, and its secret, which is not kept.

    Raises Forbidden unless its maker manages the tenant's members, InvalidInput for what no token may have, or what
    its maker may not do in the whole tenant, and for an end that is not within a year.
    """
    access = authority(tenant, actor)
    return _create(access.tenant, wish, access.permissions, actor, role=access.role)


def _create(
    tenant: Tenant, wish: TokenWish, held: frozenset[Permission], actor: Actor, **owner: Any
) -> tuple[ApiToken, str]:
    if beyond := sorted(wish.abilities - (held & set(OFFERED_TO_TOKENS))):
        raise InvalidInput(f"You cannot give a token “{beyond[0]}” in {tenant.name}.", field="abilities")
    if not timezone.now() < wish.expires_at <= timezone.now() + MAX_LIFETIME:
        raise InvalidInput(
            f"A token ends in the future, within a year from now; {wish.expires_at:%Y-%m-%d %H:%M} UTC is not.",
            field="expires",
        )
    secret = PREFIX + secrets.token_hex(32)
    token = ApiToken.objects.create(
        tenant=tenant,
        name=wish.name,
        secret_hash=_hash(secret),
        secret_end=secret[-4:],
        abilities=[ability.value for ability in OFFERED_TO_TOKENS if ability in wish.abilities],
        application_ids=None if wish.application_ids is None else sorted(wish.application_ids),
        made_by_label=actor.label,
        expires_at=wish.expires_at,
        **owner,
    )
    record(
        "token.create",
        actor=actor,
        tenant=tenant,
        target=token,
        is_personal=token.membership is not None,
        abilities=token.abilities,
        application_ids=token.application_ids,
        expires_at=token.expires_at.isoformat(),
    )
    return token, secret


@transaction.atomic
def revoke_token(token: ApiToken, *, actor: Actor) -> None:
    """From the next request on it opens nothing, and what it asked for and has not begun is refused."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record("token.revoke", actor=actor, tenant=token.tenant, target=token)


# --- recognising ------------------------------------------------------------------------------------------------------
def recognise_token(secret: str, *, actor: Actor) -> ApiToken:
    """The live token with this secret; `actor` is whoever sent it.

    Raises Unauthenticated, in the same words and after the same look-up, for one that is missing, unknown, expired or
    revoked; TooManyAttempts instead once there were 30 failures from the address in 10 minutes. A live token is let in
    even then: nobody guesses 256 bits, and neighbours behind one address must not shut each other out.
    """
    # A random secret needs no slow hash.
    token = ApiToken.objects.with_owners().filter(secret_hash=_hash(secret)).first()
    if token is not None and token.is_live:
        if _is_old(token.last_used_at, USE_INTERVAL):
            _note_now(token, "last_used_at")
        return token
    if token is not None:
        _record_refusal(token, actor)
    _count_failure(actor.ip)
    raise Unauthenticated("Send a valid API token, as “Authorization: Bearer berth_…”.")


def actor_by(token: ApiToken, actor: Actor) -> Actor:
    """The actor of a request that came with this token."""
    user_id = token.membership.user_id if token.membership else None
    return replace(actor, user_id=user_id, token_id=token.pk, label=token.label)


def _record_refusal(token: ApiToken, actor: Actor) -> None:
    """That something still uses a dead token is worth knowing, but not every time; what was never one is not."""
    if not _is_old(token.last_refused_at, REFUSAL_INTERVAL):
        return
    with transaction.atomic():
        if _note_now(token, "last_refused_at"):
            record(
                "token.use",
                actor=actor_by(token, actor),
                tenant=token.tenant,
                target=token,
                result=Result.REFUSED,
                message=f"It {token.end}. Whatever sends it still does.",
            )


def _is_old(moment: datetime | None, interval: timedelta) -> bool:
    return moment is None or moment < timezone.now() - interval


def _note_now(token: ApiToken, field: str) -> bool:
    """Write the moment into the field; of many who do so at once, one is told that it did."""
    seen = ApiToken.objects.filter(pk=token.pk, **{field: getattr(token, field)})
    return bool(seen.update(**{field: timezone.now()}))


def _count_failure(address: str) -> None:
    # In this process's memory: a log that anybody can fill tells nothing, and what a restart forgets is not missed.
    key = f"token-failures:{address}"
    cache.add(key, 0, FAILURE_WINDOW.total_seconds())
    with suppress(ValueError):  # others pushed it out meanwhile
        if cache.incr(key) > FAILURES_PER_ADDRESS:
            raise TooManyAttempts("Too many requests without a valid API token. Wait ten minutes, then try again.")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
