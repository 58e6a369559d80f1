"""How an account comes to be, apart from the first operator's. Whose address it is, a mailed link proves first.

Where mail is configured there is no account until its link was opened, so nobody holds an address that is not theirs,
and the answer to "is there an account of this address" goes to the address alone. An invitation may open sign-up for
one address: `invite()` is all that it has to call.
"""

from typing import Any, Final

from django.contrib.sessions.backends.base import SessionBase
from django.core import signing
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps.accounts import throttle
from apps.accounts.models import SignUp, User
from apps.accounts.queries import policy
from apps.accounts.services import actor_for
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core import mail
from apps.core.errors import Forbidden, InvalidInput

LINK_FOR_S: Final = 24 * 3600
_INVITED: Final = "invited"


def invite(session: SessionBase, email: str, *, is_verified: bool) -> None:
    """Let this browser make an account of `email` unless sign-up is closed, and of no other where that needs inviting.

    `is_verified`: the invitation reached them by a mail to that address, so that no other has to prove it.
    """
    session[_INVITED] = {"email": email.strip().lower(), "is_verified": is_verified}


def invitation(session: SessionBase) -> tuple[str, bool]:
    """The invited address and whether it is proved; `""` without an invitation."""
    kept = session.get(_INVITED) or {"email": "", "is_verified": False}
    return kept["email"], kept["is_verified"]


def may_sign_up(session: SessionBase, email: str = "") -> bool:
    """Whether an account of `email` (without it: of some address) may be made now in this browser."""
    invited, _ = invitation(session)
    match policy().sign_up:
        case SignUp.OPEN:
            return True
        case SignUp.INVITED:
            return bool(invited) and email.strip().lower() in {"", invited}
    return False


def require_may_sign_up(session: SessionBase, email: str) -> None:
    if not may_sign_up(session, email):
        raise Forbidden(
            "New accounts are not made here now. Ask the operator, or somebody who may invite you.",
            code="sign-up-closed",
        )


def mail_link(session: SessionBase, email: str, *, next_url: str, actor: Actor) -> None:
    """Mail the link that goes on with signing up, or to a person known already, that they are. The same work for both.

    Raises Forbidden where this address may not sign up.
    """
    email = email.strip().lower()
    require_may_sign_up(session, email)
    throttle.check(throttle.MAILS, email, actor.ip)
    is_invited = invitation(session)[0] == email
    link = reverse("sign-up-confirm", args=[signing.dumps([email, next_url, is_invited], salt=__name__)])
    is_known = User.objects.filter(email=email).exists()
    record("account.sign-up-link", actor=actor, label=email)
    mail.send_mail(
        email,
        "Your account" if is_known else "Make your account",
        "accounts/mail/sign_up.txt",
        {"link": mail.address_of(link), "is_known": is_known, "email": email},
    )


def proved(session: SessionBase, token: str) -> tuple[str, str]:
    """The address that opened this mailed link, and where its owner was going. Raises Forbidden for an old link.

    An invitation goes along, since the link may be opened in another browser than the one that it came from.
    """
    try:
        email, next_url, is_invited = signing.loads(token, salt=__name__, max_age=LINK_FOR_S)
    except signing.BadSignature as error:
        raise Forbidden("This link is not valid any more. Start again to get another.", code="link-expired") from error
    if is_invited:
        invite(session, email, is_verified=True)
    return email, next_url


@transaction.atomic
def make_account(email: str, name: str, password: str | None, *, is_verified: bool, actor: Actor, **how: Any) -> User:
    """A new person; without a password, one who signs in elsewhere. Raises InvalidInput for a taken address."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, password, name=name, is_email_verified=is_verified)
    except IntegrityError as error:
        raise InvalidInput(f"Somebody already has the address {email}.", field="email") from error
    record("account.sign-up", actor=actor_for(user, actor), target=user, **how)
    return user
