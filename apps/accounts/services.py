from dataclasses import replace
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Final

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.audit.models import MAX_LABEL, Event, Result
from apps.audit.services import record
from apps.core.errors import InvalidInput, TooManyAttempts

THROTTLE_WINDOW: Final = timedelta(minutes=10)
#: For one account from one address; few, since a person who mistypes is alone there.
FAILURES_PER_ACCOUNT: Final = 5
FAILURES_PER_ADDRESS: Final = 30
#: From everywhere; many, since strangers could otherwise lock a person out.
FAILURES_PER_ACCOUNT_ANYWHERE: Final = 100

# Argon2 takes 100 MB and a core for its while: so many at once, and no burst gets past the counting.
_checking = BoundedSemaphore(2)


def check_password(request: HttpRequest, email: str, password: str, *, actor: Actor) -> User:
    """The user whose password this is; every failure is recorded.

    Raises TooManyAttempts after 5 failures for an account from the same address, 100 for it from anywhere, or 30 from
    an address, within 10 minutes; and InvalidInput with the same words whether or not the account exists. The audit
    log is the counter: it survives restarts and needs no cache.
    """
    email = email.strip().lower()
    with _checking:
        _check_throttle(email[:MAX_LABEL], actor.ip)
        user = authenticate(request, username=email, password=password)
        if not isinstance(user, User):
            record("session.sign-in", actor=actor, result=Result.REFUSED, label=email)
            raise InvalidInput("The e-mail address or the password is wrong.")
    return user


def _check_throttle(account: str, address: str) -> None:
    failures = Event.objects.filter(
        action="session.sign-in", result=Result.REFUSED, at__gt=timezone.now() - THROTTLE_WINDOW
    )
    of_account, from_address = failures.filter(target_label=account), failures.filter(ip=address)
    if (
        (of_account & from_address).count() >= FAILURES_PER_ACCOUNT
        or from_address.count() >= FAILURES_PER_ADDRESS
        or of_account.count() >= FAILURES_PER_ACCOUNT_ANYWHERE
    ):
        raise TooManyAttempts("Too many failed sign-ins. Wait ten minutes, then try again.")


def actor_for(user: User, actor: Actor) -> Actor:
    """The actor of a request in which this user has just signed in."""
    return replace(actor, user_id=user.pk, label=user.email)
