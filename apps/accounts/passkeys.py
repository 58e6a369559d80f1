"""Passkeys (WebAuthn), by Yubico's library. `state` is what the session keeps between question and answer.

With user verification (a fingerprint, a PIN) a passkey is two factors in one, and signs in by itself.
"""

import re
import struct
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from apps.accounts.models import Passkey, User
from apps.accounts.second_factor import drop_useless_recovery_codes, make_recovery_codes
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core.errors import InvalidInput

MAX_PASSKEYS: Final = 20

Options = Mapping[str, Any]
State = Mapping[str, Any]
#: What hostile bytes make the library raise.
_MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError, struct.error)
#: Base64url, as browsers send it, of at most the length that is kept.
_CREDENTIAL_ID: Final = re.compile(r"[A-Za-z0-9_=-]{1,1400}")


def ask_to_make(user: User) -> tuple[Options, State]:
    """The options for `navigator.credentials.create()`."""
    options, state = _server().register_begin(
        PublicKeyCredentialUserEntity(id=str(user.pk).encode(), name=user.email, display_name=user.name),
        credentials=_credentials(user),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return dict(options), state


def add_passkey(user: User, state: State, answer: Mapping[str, Any], name: str, *, actor: Actor) -> list[str]:
    """Keep the passkey that the browser made; the recovery codes, if these are the user's first."""
    try:
        made = _server().register_complete(state, answer)
        credential = made.credential_data
    except _MALFORMED as error:
        raise InvalidInput("The browser's answer could not be verified. Try again.") from error
    if credential is None:
        raise InvalidInput("The browser made no passkey. Try again.")
    with transaction.atomic():
        if user.passkeys.count() >= MAX_PASSKEYS:
            raise InvalidInput(f"You have {MAX_PASSKEYS} passkeys, which is the most. Remove one first.")
        try:
            with transaction.atomic():
                passkey = user.passkeys.create(
                    name=name,
                    credential_id=websafe_encode(credential.credential_id),
                    credential=bytes(credential),
                    sign_count=made.counter,
                )
        except IntegrityError as error:
            raise InvalidInput("This passkey is known already.") from error
        record("factor.add-passkey", actor=actor, target=user, passkey=passkey.name)
        return [] if user.recovery_codes.exists() else make_recovery_codes(user, actor=actor)


@transaction.atomic
def rename_passkey(passkey: Passkey, name: str, *, actor: Actor) -> None:
    record("factor.rename-passkey", actor=actor, target=passkey.user, passkey=passkey.name, name=name)
    passkey.name = name
    passkey.save(update_fields=["name"])


@transaction.atomic
def remove_passkey(passkey: Passkey, *, actor: Actor) -> None:
    passkey.delete()
    record("factor.remove-passkey", actor=actor, target=passkey.user, passkey=passkey.name)
    drop_useless_recovery_codes(passkey.user)


def ask_for(user: User | None) -> tuple[Options, State]:
    """The options for `navigator.credentials.get()`: any passkey of this user's.

    Of an unknown person's (None), only one that verifies whose finger or PIN it is, since nothing else is asked.
    """
    verification = UserVerificationRequirement.PREFERRED if user else UserVerificationRequirement.REQUIRED
    options, state = _server().authenticate_begin(
        credentials=_credentials(user) if user else None, user_verification=verification
    )
    return dict(options), state


def use_passkey(
    user: User | None, state: State, answer: Mapping[str, Any], *, actor: Actor, action: str = "session.second-factor"
) -> User:
    """The user whose passkey answered; recorded as `action`. Raises InvalidInput for any other answer."""
    refusal = InvalidInput("The passkey was not accepted. Use another one, or another way.")
    try:
        number = str(answer["id"])
        found = Passkey.objects.select_related("user").filter(credential_id=number)
        passkey = found.first() if _CREDENTIAL_ID.fullmatch(number) else None
        if passkey is None or not passkey.user.is_active or (user is not None and passkey.user_id != user.pk):
            raise refusal
        _server().authenticate_complete(state, [AttestedCredentialData(bytes(passkey.credential))], answer)
        counter = AuthenticationResponse.from_dict(answer).response.authenticator_data.counter
    except _MALFORMED as error:
        raise refusal from error
    # A counter that does not grow is a copy of the key (or of the answer). Those that never count stay at 0.
    rows = Passkey.objects.filter(pk=passkey.pk)
    rows = rows.filter(sign_count__lt=counter) if counter or passkey.sign_count else rows
    with transaction.atomic():
        if not rows.update(sign_count=counter, last_used_at=timezone.now()):
            raise refusal
        record(action, actor=actor, target=passkey.user, passkey=passkey.name)
    return passkey.user


def _server() -> Fido2Server:
    here = settings.ENVIRONMENT
    return Fido2Server(
        PublicKeyCredentialRpEntity(id=here.host, name="Berth"), verify_origin=lambda origin: origin == here.base_url
    )


def _credentials(user: User) -> list[AttestedCredentialData]:
    return [AttestedCredentialData(bytes(passkey.credential)) for passkey in user.passkeys.all()]
