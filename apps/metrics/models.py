from collections.abc import Mapping
from typing import Final

from django.db import connection, models

from apps.metrics.amounts import NAMES, Amount
from apps.metrics.owners import Owner
from apps.tenants.models import Tenant

# Applications are named by number and slug, without a foreign key: what they used outlives them.


class Meter(models.Model):
    """Up to where a container has been counted (by the engine's clock), and what its counters showed there."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="meters")
    application_id = models.BigIntegerField()
    engine_id = models.CharField(max_length=64, unique=True)
    sampled_at = models.DateTimeField()
    cpu_ms = models.BigIntegerField(default=0)
    sent_bytes = models.BigIntegerField(default=0)
    memory_bytes = models.BigIntegerField(default=0)
    cpu_millis = models.IntegerField(default=0, help_text="Thousandths of a core, between the last two samples")

    def __str__(self) -> str:
        return f"meter of {self.engine_id[:12]}"


class DiskMeter(models.Model):
    """What an application's volumes and writable layers took on disk when it was last measured."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="disk_meters")
    application_id = models.BigIntegerField(unique=True)
    measured_at = models.DateTimeField()
    size_bytes = models.BigIntegerField()

    def __str__(self) -> str:
        return f"disk of application {self.application_id}"


class UsageHours(models.QuerySet["UsageHour"]):
    def add(self, amounts: Mapping[tuple[Owner, int], Amount]) -> None:
        """Raise the rows of these applications' hours, making those that are missing: atomically, whoever else adds."""
        rows = [
            (owner.tenant_id, owner.application_id, owner.slug, hour, *(getattr(amount, name) for name in NAMES))
            for (owner, hour), amount in amounts.items()
            if amount != Amount()
        ]
        # Always in the same order, so that two who add at once cannot wait for each other.
        rows.sort(key=lambda row: (row[0], row[3], row[1]))
        with connection.cursor() as cursor:
            cursor.executemany(_ADD, rows)


#: Django's `bulk_create` can replace what a row holds on a conflict, but not add to it.
_ADD: Final = """
INSERT INTO metrics_usagehour
    (tenant_id, application_id, application_slug, hour, cpu_ms, memory_kib_s, egress_bytes, disk_kib_s)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, hour, application_id) DO UPDATE SET
    cpu_ms = metrics_usagehour.cpu_ms + excluded.cpu_ms,
    memory_kib_s = metrics_usagehour.memory_kib_s + excluded.memory_kib_s,
    egress_bytes = metrics_usagehour.egress_bytes + excluded.egress_bytes,
    disk_kib_s = metrics_usagehour.disk_kib_s + excluded.disk_kib_s
"""


class UsageHour(models.Model):
    """What an application used in an hour. Units are those of `Amount`.

    `hour` counts hours since 1970, UTC: days and any other span are then whole-number division, in both databases.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="usage_hours", db_index=False)
    application_id = models.BigIntegerField()
    application_slug = models.CharField(max_length=40)
    hour = models.IntegerField(db_index=True)
    cpu_ms = models.BigIntegerField(default=0)
    memory_kib_s = models.BigIntegerField(default=0)
    egress_bytes = models.BigIntegerField(default=0)
    disk_kib_s = models.BigIntegerField(default=0)

    objects = UsageHours.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "hour", "application_id"], name="metrics_usage_hour_once")
        ]

    def __str__(self) -> str:
        return f"{self.application_slug} in hour {self.hour}"
