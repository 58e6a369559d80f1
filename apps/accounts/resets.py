"""Links by which somebody sets a new password without the old one. Each works once, for a day.

A mailed link goes to the address and nowhere else; the operator's link is shown to the operator alone, who hands it
over. Nothing is stored: the token is signed over the password's hash and the last sign-in, and any of both voids it.
"""

from typing import Final

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from apps.accounts import throttle
from apps.accounts.models import User
from apps.accounts.services import actor_for
from apps.accounts.sessions import end_sessions
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core import mail
from apps.core.errors import Forbidden


class _ByMail(PasswordResetTokenGenerator):
    key_salt = "apps.accounts.resets.by-mail"


class _ByOperator(PasswordResetTokenGenerator):
    key_salt = "apps.accounts.resets.by-operator"


_by_mail: Final = _ByMail()
_by_operator: Final = _ByOperator()


def mail_link(email: str, *, actor: Actor) -> None:
    """Mail a link, if somebody active has this address. The same work and the same silence if nobody has."""
    email = email.strip().lower()
    throttle.check(throttle.MAILS, email, actor.ip)
    user = User.objects.filter(email=email, is_active=True).first()
    record("account.forgot-password", actor=actor, label=email)
    link = _link(user or User(pk=0, email=email), _by_mail)
    message = mail.compose(email, "Set a new password", "accounts/mail/reset.txt", {"link": link, "email": email})
    if user is not None:
        mail.post(message)


def make_link(user: User, *, actor: Actor) -> str:
    """A link to be shown once, to the operator who asks for it."""
    record("user.reset-link", actor=actor, target=user)
    return _link(user, _by_operator)


def check_link(uid: str, token: str) -> User:
    """Whose password the link is for; raises Forbidden when it is old or used."""
    user = User.objects.filter(pk=_pk_in(uid), is_active=True).first()
    if user is None or not (_by_mail.check_token(user, token) or _by_operator.check_token(user, token)):
        raise Forbidden("This link is not valid any more. Ask for a new one.", code="link-expired")
    return user


@transaction.atomic
def reset_password(uid: str, token: str, password: str, *, actor: Actor) -> User:
    """Use the link up. Whoever is signed in to the account is signed out."""
    User.objects.select_for_update(no_key=True).filter(pk=_pk_in(uid)).first()
    user = check_link(uid, token)  # again, since somebody may have used it while we waited
    user.is_email_verified |= _by_mail.check_token(user, token)
    user.set_password(password)
    user.save(update_fields=["password", "is_email_verified"])
    record("account.reset-password", actor=actor_for(user, actor), target=user)
    end_sessions(user)
    return user


def _link(user: User, generator: PasswordResetTokenGenerator) -> str:
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return mail.address_of(reverse("password-reset", args=[uid, generator.make_token(user)]))


def _pk_in(uid: str) -> int:
    """0, which nobody has, for nonsense."""
    try:
        return min(int(urlsafe_base64_decode(uid)), 2**63 - 1)
    except ValueError:
        return 0
