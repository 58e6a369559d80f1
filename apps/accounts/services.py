"""What people do with their accounts, and what an operator may do with anybody's."""

from dataclasses import replace
from threading import BoundedSemaphore
from typing import Final

from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from apps.accounts import throttle
from apps.accounts.models import AuthenticatorApp, Required, SignInPolicy, SignUp, User
from apps.accounts.sessions import end_sessions
from apps.audit.actor import Actor
from apps.audit.models import Result
from apps.audit.services import record
from apps.core.errors import Forbidden, InvalidInput

FAILURES_PER_ACCOUNT: Final = 5
FAILURES_PER_ADDRESS: Final = 30
#: Many, since strangers could otherwise lock a person out.
FAILURES_PER_ACCOUNT_ANYWHERE: Final = 100
_PASSWORDS: Final = throttle.Limit(
    actions=("session.sign-in", "session.confirm"),
    per_account=FAILURES_PER_ACCOUNT,
    per_address=FAILURES_PER_ADDRESS,
    per_account_anywhere=FAILURES_PER_ACCOUNT_ANYWHERE,
)

# Argon2 takes 100 MB and a core for its while: so many at once, and no burst gets past the counting.
_checking = BoundedSemaphore(2)


# --- passwords --------------------------------------------------------------------------------------------------------
def check_password(
    request: HttpRequest, email: str, password: str, *, actor: Actor, action: str = "session.sign-in"
) -> User:
    """The user whose password this is; every failure is recorded, as a refused `action`.

    Raises TooManyAttempts after 5 failures for an account from the same address, 100 for it from anywhere, or 30 from
    an address, within 10 minutes; and InvalidInput with the same words whether or not the account exists.
    """
    email = email.strip().lower()
    with _checking:
        throttle.check(_PASSWORDS, email, actor.ip)
        user = authenticate(request, username=email, password=password)
        if not isinstance(user, User):
            record(action, actor=actor, result=Result.REFUSED, label=email)
            raise InvalidInput("The e-mail address or the password is wrong.")
    return user


def confirm_password(request: HttpRequest, user: User, password: str, *, actor: Actor) -> None:
    """That a signed-in person knows their password; recorded, and throttled with the attempts to sign in."""
    try:
        check_password(request, user.email, password, actor=actor, action="session.confirm")
    except InvalidInput as error:
        raise InvalidInput("The password is wrong.", field="password") from error
    record("session.confirm", actor=actor, target=user)


@transaction.atomic
def change_password(user: User, password: str, *, keep: str, actor: Actor) -> None:
    """Set one's own password; every session but `keep` (its key) ends."""
    user.set_password(password)
    user.save(update_fields=["password"])
    record("account.password", actor=actor, target=user)
    end_sessions(user, keep=keep)


def actor_for(user: User, actor: Actor) -> Actor:
    """The actor of a request in which this user has just signed in."""
    return replace(actor, user_id=user.pk, label=user.email)


# --- the profile ------------------------------------------------------------------------------------------------------
@transaction.atomic
def change_name(user: User, name: str, *, actor: Actor) -> None:
    user.name = name
    user.save(update_fields=["name"])
    record("account.profile", actor=actor, target=user)


@transaction.atomic
def change_email(user: User, email: str, *, is_verified: bool, actor: Actor) -> None:
    """Raises InvalidInput if somebody else has the address."""
    before = user.email
    user.email = email.lower()
    user.is_email_verified = is_verified
    try:
        with transaction.atomic():
            user.save(update_fields=["email", "is_email_verified"])
    except IntegrityError as error:
        raise InvalidInput(f"Somebody already has the address {email}.", field="email") from error
    record("account.email", actor=actor, target=user, before=before)


# --- what an operator may do with somebody's account ------------------------------------------------------------------
@transaction.atomic
def change_policy(second_factor: Required, sign_up: SignUp, *, actor: Actor) -> SignInPolicy:
    policy, _ = SignInPolicy.objects.update_or_create(
        pk=SignInPolicy.ONLY, defaults={"second_factor": second_factor, "sign_up": sign_up}
    )
    record("policy.change", actor=actor, target=policy, second_factor=second_factor, sign_up=sign_up)
    return policy


@transaction.atomic
def deactivate_user(user: User, *, actor: Actor) -> None:
    """Close the account: its owner is signed out everywhere and cannot sign in. What they own stays."""
    _forbid_oneself(user, actor, "deactivate your own account")
    _keep_an_operator(user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    record("user.deactivate", actor=actor, target=user)
    end_sessions(user)


@transaction.atomic
def activate_user(user: User, *, actor: Actor) -> None:
    user.is_active = True
    user.save(update_fields=["is_active"])
    record("user.activate", actor=actor, target=user)


@transaction.atomic
def make_operator(user: User, *, actor: Actor) -> None:
    user.is_operator = True
    user.save(update_fields=["is_operator"])
    record("user.make-operator", actor=actor, target=user)


@transaction.atomic
def unmake_operator(user: User, *, actor: Actor) -> None:
    """The console closes to them at their next click. Raises Forbidden for the last operator."""
    _keep_an_operator(user)
    user.is_operator = False
    user.save(update_fields=["is_operator"])
    record("user.unmake-operator", actor=actor, target=user)


@transaction.atomic
def sign_out_user(user: User, *, actor: Actor) -> None:
    record("user.sign-out", actor=actor, target=user)
    end_sessions(user)


@transaction.atomic
def remove_second_factor(user: User, reason: str, *, actor: Actor) -> None:
    """For somebody who has lost everything: authenticator app, passkeys and recovery codes go."""
    user.recovery_codes.all().delete()
    user.passkeys.all().delete()
    AuthenticatorApp.objects.filter(user=user).delete()
    record("user.remove-second-factor", actor=actor, target=user, message=reason)
    end_sessions(user)


def _forbid_oneself(user: User, actor: Actor, what: str) -> None:
    if user.pk == actor.user_id:
        raise Forbidden(f"You cannot {what}. Another operator can.", code="oneself")


def _keep_an_operator(user: User) -> None:
    """Raises Forbidden if the user is the only active operator; of two who leave at once, one stays."""
    operators = User.objects.select_for_update().filter(is_operator=True, is_active=True).order_by("pk")
    if [operator.pk for operator in operators] == [user.pk]:
        raise Forbidden(f"{user} is the last operator. Make somebody else an operator first.", code="last-operator")
