from django.db import models
from django.db.models import F, Q

from apps.quotas.resources import RESOURCES, Info, Resource


class Balance(models.Model):
    """How much of a resource an account (`tenant:3`, `node:1`) has reserved, and may.

    `limit` is what it was given (None: as much as it likes); `ceiling` is what the database enforces: the limit, or
    what was reserved when the limit fell below it. It shrinks with every release and never grows by itself.
    """

    account = models.CharField(max_length=40)
    resource = models.CharField(max_length=20)
    reserved = models.BigIntegerField(default=0)
    limit = models.BigIntegerField(null=True)
    ceiling = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "resource"], name="quotas_balance_once"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="quotas_balance_not_negative"),
            models.CheckConstraint(
                condition=Q(ceiling=None) | Q(reserved__lte=F("ceiling")), name="quotas_balance_under_its_ceiling"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} of {self.account}"

    def reserve(self, amount: int) -> None:
        """Add to what is reserved, or take away (not saved)."""
        self.reserved += amount
        if amount < 0:
            self.set_limit(self.limit)

    def set_limit(self, limit: int | None) -> None:
        """Change what the account may reserve (not saved)."""
        self.limit = limit
        self.ceiling = None if limit is None else max(limit, self.reserved)

    @property
    def info(self) -> Info:
        return RESOURCES[Resource(self.resource)]


class Reservation(models.Model):
    """What one holder (`application:7`) has of a resource in an account."""

    account = models.CharField(max_length=40)
    holder = models.CharField(max_length=60)
    resource = models.CharField(max_length=20)
    amount = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["holder", "account", "resource"], name="quotas_reservation_once"),
        ]
        indexes = [models.Index(fields=["account"])]

    def __str__(self) -> str:
        return f"{self.amount} {self.resource} of {self.account} for {self.holder}"
