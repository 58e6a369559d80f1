"""The one way in which rows of usage grow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction

from apps.metrics.amounts import DAY_H, NAMES, Amount
from apps.metrics.models import Usage, UsageDay, UsageHour


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose use it is: an application, as the rows of usage name it."""

    tenant_id: int
    application_id: int
    slug: str


Amounts = dict[tuple[Owner, int], Amount]

#: Django's `bulk_create` can replace what a row holds on a conflict, but not add to it.
_ADD: Final = """
INSERT INTO %table
    (tenant_id, application_id, application_slug, hour, cpu_ms, memory_kib_s, egress_bytes, disk_kib_s)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, hour, application_id) DO UPDATE SET
    cpu_ms = %table.cpu_ms + excluded.cpu_ms,
    memory_kib_s = %table.memory_kib_s + excluded.memory_kib_s,
    egress_bytes = %table.egress_bytes + excluded.egress_bytes,
    disk_kib_s = %table.disk_kib_s + excluded.disk_kib_s
"""


@transaction.atomic
def add(amounts: Mapping[tuple[Owner, int], Amount]) -> None:
    """Raise the rows of these applications' hours, and of their days, making those that are missing.

    Each row is raised atomically, whoever else adds.
    """
    days = Amounts()
    for (owner, hour), amount in amounts.items():
        gather(days, owner, hour - hour % DAY_H, amount)
    _add(UsageHour, amounts)
    _add(UsageDay, days)


def gather(amounts: Amounts, owner: Owner, hour: int, amount: Amount) -> None:
    amounts[owner, hour] = amounts.get((owner, hour), Amount()) + amount


def _add(model: type[Usage], amounts: Mapping[tuple[Owner, int], Amount]) -> None:
    rows = [
        (owner.tenant_id, owner.application_id, owner.slug, hour, *(getattr(amount, name) for name in NAMES))
        for (owner, hour), amount in amounts.items()
        if amount != Amount()
    ]
    # Always in the same order, so that two who add at once cannot wait for each other.
    rows.sort(key=lambda row: (row[0], row[3], row[1]))
    with connection.cursor() as cursor:
        cursor.executemany(_ADD.replace("%table", model._meta.db_table), rows)
