from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.urls import reverse

from apps.audit.actor import Actor
from apps.core.models import TimeStamped
from apps.tenants.models import Tenant


class State(models.TextChoices):
    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Kind(models.TextChoices):
    DEPLOY = "deploy", "Deploy"
    STOP = "stop", "Stop"
    START = "start", "Start"
    RESTART = "restart", "Restart"
    KILL = "kill", "Kill"
    DELETE = "delete", "Delete"
    SUSPEND = "suspend", "Suspend"
    RESUME = "resume", "Resume"
    ERASE = "erase", "Delete tenant"
    CHECK_NODE = "check-node", "Check engine"


OPEN_STATES = (State.QUEUED, State.RUNNING)

#: Wishes that end what is going on: they ask a running operation of their target to cancel, and wait for it.
PREEMPTING = frozenset({Kind.STOP, Kind.KILL, Kind.DELETE, Kind.SUSPEND})

#: Wishes that wait for what is going on without asking it to cancel.
PATIENT = frozenset({Kind.RESUME})

#: Waiting wishes that only these replace: to anything else their target is busy.
LASTING = {
    Kind.DELETE: frozenset({Kind.DELETE, Kind.SUSPEND}),
    Kind.SUSPEND: frozenset({Kind.SUSPEND, Kind.RESUME}),
}


class Operation(TimeStamped):
    """One asynchronous job, as a row. States change only by conditional UPDATE (see `lifecycle.py`).

    `target` names what it works on (`application:7`); at most one operation of a target runs and one waits.
    `permission` is what whoever asked must still be allowed when the work begins, on `application_id` where there is
    one; empty for what the panel does by itself.
    `steps` is a list of `{name, title, state, started, finished, detail, layers}` in their order; times are ISO 8601.
    """

    kind = models.CharField(max_length=20, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.CASCADE, related_name="operations")
    target = models.CharField(max_length=60)
    target_label = models.CharField(max_length=120)
    application_id = models.BigIntegerField(null=True)
    permission = models.CharField(max_length=20, blank=True)
    payload = models.JSONField(default=dict)
    actor_data = models.JSONField()
    steps = models.JSONField(default=list)
    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["target"], condition=Q(state=State.RUNNING), name="operations_one_running_per_target"
            ),
            models.UniqueConstraint(
                fields=["target"], condition=Q(state=State.QUEUED), name="operations_one_waiting_per_target"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"]),
            models.Index(fields=["target", "-id"]),
            models.Index(fields=["id"], condition=Q(state__in=OPEN_STATES), name="operations_open"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.target_label}"

    def get_absolute_url(self) -> str:
        if self.tenant is None:
            return reverse("console-operation", args=[self.pk])
        return reverse("operation-detail", args=[self.tenant.slug, self.pk])

    @property
    def actor(self) -> Actor:
        return Actor.from_json(self.actor_data)

    @property
    def topic(self) -> str:
        return f"operation:{self.pk}"

    @property
    def topics(self) -> list[str]:
        """Who wants to know of a change: pages of the operation, of its target, of the tenant, of the console."""
        topics = [self.topic, self.target, "operations"]
        return topics if self.tenant_id is None else [*topics, f"tenant:{self.tenant_id}"]

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def duration(self) -> timedelta | None:
        """From the first start to the end; None while it is not ended."""
        return self.finished_at - self.started_at if self.started_at and self.finished_at else None
