"""Codes of an authenticator app, and recovery codes. Of many attempts with one code at once, one succeeds."""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

import pyotp
import segno
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts import throttle
from apps.accounts.models import AuthenticatorApp, Passkey, RecoveryCode, User
from apps.accounts.queries import demands_second_factor
from apps.audit.actor import Actor
from apps.audit.models import Result
from apps.audit.services import record
from apps.core.errors import InvalidInput

CODE_FAILURES_PER_ACCOUNT: Final = 5
#: Few even from everywhere: six digits are soon guessed, and who gets here knows the password already.
CODE_FAILURES_PER_ACCOUNT_ANYWHERE: Final = 10
_CODES: Final = throttle.Limit(
    actions=("session.second-factor", "session.confirm-code"),
    per_account=CODE_FAILURES_PER_ACCOUNT,
    per_address=30,
    per_account_anywhere=CODE_FAILURES_PER_ACCOUNT_ANYWHERE,
)

RECOVERY_CODES: Final = 10
#: Crockford's letters, which nobody misreads; 16 of them are 80 bits, too many to search for behind a bare hash.
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS_IN_CODE: Final = 16
_PERIOD_S: Final = 30
#: For how long the QR code on an open page is good.
_SET_UP_S: Final = 3600


@dataclass(frozen=True, slots=True)
class NewApp:
    """What the page of the set-up shows. `token` is the secret, signed, so that it comes back as it went out."""

    token: str
    secret: str
    qr_code: str
    """A `data:` address of an SVG image."""


# --- authenticator app ------------------------------------------------------------------------------------------------
def propose_app(user: User, issuer: str, token: str = "") -> NewApp:
    """A secret to be put into an app; the one of `token`, where that is still good. Nothing is stored yet."""
    secret = _secret_in(user, token) or pyotp.random_base32()
    address = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer)
    image = segno.make(address, error="m").svg_data_uri(scale=5, border=4, light="#fff")
    return NewApp(token=signing.dumps([user.pk, secret], salt=__name__), secret=secret, qr_code=image)


def add_app(user: User, token: str, code: str, *, actor: Actor) -> list[str]:
    """Keep the secret once a code proves that the app has it; the recovery codes, if these are the user's first."""
    secret = _secret_in(user, token)
    counter = _counter_of(secret, code) if secret else None
    if counter is None:
        raise InvalidInput(
            "This is not the code that the app shows now. Is the clock of its device right?", field="code"
        )
    with transaction.atomic():
        try:
            with transaction.atomic():
                AuthenticatorApp.objects.create(user=user, secret=secret, last_counter=counter)
        except IntegrityError as error:
            raise InvalidInput("You have an authenticator app already. Remove it first.") from error
        record("factor.add-app", actor=actor, target=user)
        return [] if user.recovery_codes.exists() else make_recovery_codes(user, actor=actor)


@transaction.atomic
def remove_app(user: User, *, actor: Actor) -> None:
    if AuthenticatorApp.objects.filter(user=user).delete()[0]:
        record("factor.remove-app", actor=actor, target=user)
        drop_useless_recovery_codes(user)


def _secret_in(user: User, token: str) -> str:
    try:
        owner, secret = signing.loads(token, salt=__name__, max_age=_SET_UP_S)
    except signing.BadSignature:
        return ""
    return str(secret) if owner == user.pk else ""


def _counter_of(secret: str, code: str) -> int | None:
    """The period that the code belongs to: this one, or its neighbours, since clocks differ. RFC 6238, 5.2."""
    totp = pyotp.TOTP(secret)
    now = int(time.time()) // _PERIOD_S
    digits = code.replace(" ", "")
    return next(
        (at for at in (now, now - 1, now + 1) if compare_digest(totp.generate_otp(at).encode(), digits.encode())), None
    )


# --- recovery codes ---------------------------------------------------------------------------------------------------
@transaction.atomic
def make_recovery_codes(user: User, *, actor: Actor) -> list[str]:
    """New codes, told this once; those from before are void."""
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_IN_CODE)) for _ in range(RECOVERY_CODES)]
    user.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    record("factor.recovery-codes", actor=actor, target=user)
    return ["-".join(re.findall("....", code)) for code in codes]


def drop_useless_recovery_codes(user: User) -> None:
    """Without another factor there is nothing that they would be the way around."""
    if not AuthenticatorApp.objects.filter(user=user).exists() and not user.passkeys.exists():
        user.recovery_codes.all().delete()


def _digest(code: str) -> str:
    return hashlib.sha256(re.sub(r"[^0-9a-z]", "", code.lower()).encode()).hexdigest()


# --- using a code -----------------------------------------------------------------------------------------------------
def has_second_factor(user: User) -> bool:
    return AuthenticatorApp.objects.filter(user=user).exists() or Passkey.objects.filter(user=user).exists()


def lacks_demanded_factor(user: User) -> bool:
    """Whether the operator demands a second factor of this user, who has none."""
    return demands_second_factor(user) and not has_second_factor(user)


def factors_of(user: User) -> dict[str, bool]:
    """What the user may be asked for: `has_app`, `has_passkeys`, `has_recovery_codes`."""
    return {
        "has_app": AuthenticatorApp.objects.filter(user=user).exists(),
        "has_passkeys": user.passkeys.exists(),
        "has_recovery_codes": user.recovery_codes.exists(),
    }


def use_code(
    user: User, code: str, *, actor: Actor, action: str = "session.second-factor", halfway_key: str = ""
) -> None:
    """Use up a code of the app or a recovery code; recorded as `action`, also when it is wrong.

    With `halfway_key`, the key of the session that is halfway in, that row is used up too: one half can be completed
    once, by whichever code comes first. Raises TooManyAttempts after 5 failures for the account from one address, 10
    from anywhere, or 30 from an address, within 10 minutes; and InvalidInput for a code that is wrong, too old, or
    used already.
    """
    with transaction.atomic():
        # One attempt of an account at a time: whoever waits here counts the failure of the one before.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        throttle.check(_CODES, user.email, actor.ip)
        halfway = Session.objects.filter(pk=halfway_key)
        if halfway_key and not halfway.exists():
            raise InvalidInput("This sign-in is completed already, or has ended. Start again.", field="code")
        is_recovery = False
        is_right = _use_app_code(user, code)
        if not is_right:
            is_recovery = is_right = RecoveryCode.objects.filter(user=user, digest=_digest(code)).delete()[0] == 1
        if is_right:
            halfway.delete()
        if is_recovery:
            record("factor.use-recovery-code", actor=actor, target=user)
        record(action, actor=actor, target=user, result=Result.DONE if is_right else Result.REFUSED)
    if not is_right:
        raise InvalidInput("The code is wrong, or it has been used.", field="code")


def _use_app_code(user: User, code: str) -> bool:
    app = AuthenticatorApp.objects.filter(user=user).first()
    counter = _counter_of(app.secret, code) if app else None
    return (
        app is not None
        and counter is not None
        and AuthenticatorApp.objects.filter(pk=app.pk, last_counter__lt=counter).update(
            last_counter=counter, last_used_at=timezone.now()
        )
        == 1
    )
