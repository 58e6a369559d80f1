"""Reserving before the work begins, and giving back when what was reserved for is gone.

A holder's reservation is brought to what it needs, so that saying it twice is harmless. The balances of an account are
locked from the first look until the caller's transaction ends: nobody reserves what another has just taken.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

from django.db import transaction

from apps.core.errors import InvalidInput
from apps.quotas.models import Balance, Reservation
from apps.quotas.resources import Amounts, Limits, Resource


class QuotaExceeded(InvalidInput):
    """There is not that much left: names the quota, the values and who can raise it."""

    code = "quota-exceeded"
    status = HTTPStatus.CONFLICT

    def __init__(self, balance: Balance, more: int) -> None:
        info = balance.info
        if balance.account.startswith("tenant:"):
            message = (
                f"{info.label}: this needs {info.words(more)} more, but {info.words(balance.reserved)} of the "
                f"{info.words(balance.limit or 0)} in your plan are taken. {info.free}, or ask the operator for more."
            )
        else:  # how large the operator's machines are is not the tenant's to know
            message = (
                f"{info.label}: the engine has no room for {info.words(more)} more. Ask the operator to make some."
            )
        super().__init__(message, field=balance.resource)


class Ledger:
    """The balances of some accounts, locked until the transaction ends. Accounts that were never opened are free."""

    def __init__(self, *accounts: str) -> None:
        # One order for everybody, so that two who want the same rows cannot wait for each other.
        rows = Balance.objects.select_for_update().filter(account__in=accounts).order_by("account", "resource")
        self._accounts = accounts
        self._balances = {(row.account, Resource(row.resource)): row for row in rows}

    def hold(self, holder: str, needs: Amounts) -> None:
        """Bring what `holder` has reserved in these accounts to `needs`; raises QuotaExceeded and changes nothing."""
        held = {
            (row.account, Resource(row.resource)): row
            for row in Reservation.objects.filter(holder=holder, account__in=self._accounts)
        }
        changed = []
        for key, balance in self._balances.items():
            before = held[key].amount if key in held else 0
            if more := needs.get(key[1], 0) - before:
                _check_room(balance, more)
                changed.append((balance, more))
        if not changed:
            return
        for balance, more in changed:
            balance.reserve(more)
        Balance.objects.bulk_update([balance for balance, _ in changed], ["reserved", "ceiling"])
        _write(holder, {(balance.account, Resource(balance.resource)) for balance, _ in changed}, needs)


def _check_room(balance: Balance, more: int) -> None:
    if more > 0 and balance.ceiling is not None and balance.reserved + more > balance.ceiling:
        raise QuotaExceeded(balance, more)


def _write(holder: str, keys: Iterable[tuple[str, Resource]], needs: Amounts) -> None:
    rows = [
        Reservation(account=account, holder=holder, resource=resource, amount=needs.get(resource, 0))
        for account, resource in sorted(keys)
    ]
    Reservation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["holder", "account", "resource"],
        update_fields=["amount"],
    )
    if not all(row.amount for row in rows):
        Reservation.objects.filter(holder=holder, amount=0).delete()


@transaction.atomic
def release(holder: str) -> None:
    """Give back everything that the holder has, wherever; a second time changes nothing."""
    accounts = Reservation.objects.filter(holder=holder).values_list("account", flat=True).distinct()
    Ledger(*accounts).hold(holder, {})


def hand_over(holder: str, successor: str) -> None:
    """What one holder has becomes that of another, who has nothing yet; no balance changes."""
    Reservation.objects.filter(holder=holder).update(holder=successor)


@transaction.atomic
def set_limits(account: str, limits: Limits) -> None:
    """Open the account, or change what it may reserve. What is reserved beyond a lower limit stays until released."""
    Balance.objects.bulk_create(
        [Balance(account=account, resource=resource) for resource in limits], ignore_conflicts=True
    )
    balances = list(
        Balance.objects.select_for_update().filter(account=account, resource__in=limits).order_by("account", "resource")
    )
    for balance in balances:
        balance.set_limit(limits[Resource(balance.resource)])
    Balance.objects.bulk_update(balances, ["limit", "ceiling"])


def close_account(account: str) -> None:
    """For the deletion of whom it belonged to."""
    Reservation.objects.filter(account=account).delete()
    Balance.objects.filter(account=account).delete()


def balances_of(account: str) -> Sequence[Balance]:
    """In the table's order."""
    order = list(Resource)
    return sorted(Balance.objects.filter(account=account), key=lambda row: order.index(Resource(row.resource)))
