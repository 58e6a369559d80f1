"""A balance as pages show it."""

from dataclasses import dataclass

from apps.quotas.ledger import balances_of
from apps.quotas.resources import RESOURCES, Amounts, Resource


@dataclass(frozen=True, slots=True)
class Line:
    """One resource of an account, now and after what a form would add; `limit` is None where there is none."""

    resource: Resource
    label: str
    reserved: int
    after: int
    limit: int | None

    @property
    def words(self) -> str:
        """`1.5 of 2 GiB`, `512 MiB of 2 GiB`, `3`."""
        words = RESOURCES[self.resource].words
        if self.limit is None:
            return words(self.after)
        after, limit = words(self.after), words(self.limit)
        number, _, unit = after.partition(" ")
        is_same_unit = unit.rstrip("s") == limit.partition(" ")[2].rstrip("s")
        return f"{number if is_same_unit else after} of {limit}"

    @property
    def percent(self) -> int:
        """Of the limit, for a bar; over 100 where it does not fit."""
        return round(100 * self.after / self.limit) if self.limit else 0

    @property
    def is_changed(self) -> bool:
        return self.after != self.reserved

    @property
    def is_over(self) -> bool:
        """Whether more would be reserved than there may be."""
        return self.limit is not None and self.after > self.limit and self.after > self.reserved

    @property
    def is_tight(self) -> bool:
        return self.percent >= 90


def lines(account: str, change: Amounts | None = None) -> list[Line]:
    """The account's resources in the table's order, with `change` (more, or less) added."""
    change = change or {}
    return [
        Line(
            Resource(balance.resource),
            balance.info.label,
            balance.reserved,
            max(0, balance.reserved + change.get(Resource(balance.resource), 0)),
            balance.limit,
        )
        for balance in balances_of(account)
    ]
