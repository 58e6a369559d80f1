from dataclasses import replace
from datetime import timedelta

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.audit.models import Event, Result
from apps.audit.services import record
from apps.core.errors import InvalidInput, TooManyAttempts

THROTTLE_WINDOW = timedelta(minutes=10)
FAILURES_PER_ACCOUNT = 5
FAILURES_PER_ADDRESS = 30


def check_password(request: HttpRequest, email: str, password: str, *, actor: Actor) -> User:
    """The user whose password this is; every failure is recorded.

    Raises TooManyAttempts after 5 failures for an account or 30 from an address within 10 minutes, and InvalidInput
    with the same words whether or not the account exists. The audit log is the counter: it survives restarts and
    needs no cache.
    """
    email = email.strip().lower()
    failures = Event.objects.filter(
        action="session.sign-in", result=Result.REFUSED, at__gt=timezone.now() - THROTTLE_WINDOW
    )
    if (
        failures.filter(target_label=email).count() >= FAILURES_PER_ACCOUNT
        or failures.filter(ip=actor.ip).count() >= FAILURES_PER_ADDRESS
    ):
        raise TooManyAttempts("Too many failed sign-ins. Wait ten minutes, then try again.")
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        record("session.sign-in", actor=actor, result=Result.REFUSED, label=email)
        raise InvalidInput("The e-mail address or the password is wrong.")
    return user


def actor_for(user: User, actor: Actor) -> Actor:
    """The actor of a request in which this user has just signed in."""
    return replace(actor, user_id=user.pk, label=user.email)
