"""A new address for somebody: with mail, once its link was opened."""

from typing import Final

from django.core import signing
from django.urls import reverse

from apps.accounts import throttle
from apps.accounts.models import User
from apps.accounts.services import change_email
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core import mail
from apps.core.errors import Forbidden

LINK_FOR_S: Final = 24 * 3600


def mail_email_link(user: User, email: str, *, actor: Actor) -> None:
    """Mail the link that makes `email` the user's. Whether somebody else has it is not told, here or there."""
    throttle.check(throttle.MAILS, email, actor.ip)
    record("account.email-link", actor=actor, label=email)
    token = signing.dumps([user.pk, user.email, email], salt=__name__)
    context: dict[str, object] = {
        "link": mail.address_of(reverse("account-email-confirm", args=[token])),
        "email": email,
    }
    mail.send_mail(email, "Confirm your new address", "accounts/mail/email.txt", context)


def use_email_link(user: User, token: str, *, actor: Actor) -> None:
    """Raises Forbidden for an old link, or another person's."""
    try:
        owner, before, email = signing.loads(token, salt=__name__, max_age=LINK_FOR_S)
    except signing.BadSignature:
        owner, before, email = 0, "", ""
    if (owner, before) != (user.pk, user.email):
        raise Forbidden("This link is not valid any more, or is for another account.", code="link-expired")
    change_email(user, email, is_verified=True, actor=actor)
