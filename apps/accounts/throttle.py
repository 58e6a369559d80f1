"""How often somebody may try. The audit log is the counter: it survives restarts and needs no cache."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone

from apps.audit.models import MAX_LABEL, Event, Result
from apps.core.errors import TooManyAttempts

WINDOW: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many events of these actions there may be within ten minutes, by default refused ones."""

    actions: tuple[str, ...]
    #: For one account from one address; few, since a person who mistypes is alone there.
    per_account: int
    per_address: int
    #: From everywhere.
    per_account_anywhere: int
    result: Result = Result.REFUSED


#: Mails that anybody can have sent to anybody.
MAILS: Final = Limit(
    actions=("account.forgot-password", "account.sign-up-link", "account.email-link"),
    per_account=3,
    per_address=10,
    per_account_anywhere=20,
    result=Result.DONE,
)


def check(limit: Limit, account: str, address: str) -> None:
    """Raises TooManyAttempts for an account (its e-mail address) or a network address at the limit."""
    events = Event.objects.filter(action__in=limit.actions, result=limit.result, at__gt=timezone.now() - WINDOW)
    of_account, from_address = events.filter(target_label=account[:MAX_LABEL]), events.filter(ip=address)
    if (
        (of_account & from_address).count() >= limit.per_account
        or from_address.count() >= limit.per_address
        or of_account.count() >= limit.per_account_anywhere
    ):
        raise TooManyAttempts("Too many attempts. Wait ten minutes, then try again.")
