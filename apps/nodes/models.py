import uuid
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.core.models import TimeStamped


class Installation(TimeStamped):
    """This installation: one row. Its id is on every engine object, since two installations may share an engine."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=80, default="Berth")
    is_set_up = models.BooleanField(default=False)
    setup_token_hash = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """The value of the label by which our engine objects are known."""
        return self.id.hex

    @property
    def prefix(self) -> str:
        """What the names of our engine objects begin with."""
        return f"berth-{self.id.hex[:8]}"


class Node(TimeStamped):
    """A Docker Engine. `facts` is what the last check found; `checklist` its lines, `{title, state, found, fix}`.

    The ratios say how many times its cores and memory may be promised to applications (over-commitment).
    """

    name = models.CharField(max_length=60, unique=True)
    url = models.CharField(max_length=200)
    architecture = models.CharField(max_length=20, default="amd64")
    seen_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    cpu_ratio = models.DecimalField(max_digits=5, decimal_places=2, default=Decimal(8))
    memory_ratio = models.DecimalField(max_digits=5, decimal_places=2, default=Decimal(1))
    facts = models.JSONField(default=dict)
    checklist = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.name

    @property
    def topic(self) -> str:
        return f"node:{self.pk}"

    @property
    def account(self) -> str:
        """Its name in the quota ledger."""
        return f"node:{self.pk}"

    @property
    def is_reachable(self) -> bool:
        """Seen since the last two comparisons: what we know of its containers is current."""
        grace = timedelta(seconds=2 * settings.ENVIRONMENT.resync_s + 5)
        return not self.error and self.seen_at is not None and timezone.now() - self.seen_at < grace
