from django.db import models

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


class Usage(models.Model):
    """What an application used from hour `hour` on. Units are those of `Amount`; only `ledger.add` writes.

    `hour` counts hours since 1970, UTC: days and any other span are then whole-number division, in both databases.
    """

    application_id = models.BigIntegerField()
    application_slug = models.CharField(max_length=40)
    hour = models.IntegerField(db_index=True)
    cpu_ms = models.BigIntegerField(default=0)
    memory_kib_s = models.BigIntegerField(default=0)
    egress_bytes = models.BigIntegerField(default=0)
    disk_kib_s = models.BigIntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.application_slug} from hour {self.hour}"


class UsageHour(Usage):
    """Of one hour."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="usage_hours", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "hour", "application_id"], name="metrics_usage_hour_once")
        ]


class UsageDay(Usage):
    """The same of the day that begins with that hour: a year of many applications is read from these in no time."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="usage_days", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "hour", "application_id"], name="metrics_usage_day_once")
        ]
