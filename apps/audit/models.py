from typing import Final

from django.db import models

from apps.audit.actions import ACTIONS
from apps.audit.actor import MAX_ACTOR_LABEL

#: Characters of a target's label; longer ones are cut.
MAX_LABEL: Final = 120


class Result(models.TextChoices):
    DONE = "done", "Done"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"


class Event(models.Model):
    """One line of the audit log. Labels are copied, so that a line outlives what it tells of."""

    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=60)
    result = models.CharField(max_length=8, choices=Result, default=Result.DONE)
    # Plain ids, no foreign keys: this app knows no other, and a line must survive the deletion of its subject.
    tenant_id = models.BigIntegerField(null=True)
    tenant_label = models.CharField(max_length=80, blank=True)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=MAX_ACTOR_LABEL)
    token_id = models.BigIntegerField(null=True)
    ip = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=36, blank=True)
    target_type = models.CharField(max_length=40, blank=True)
    target_id = models.BigIntegerField(null=True)
    target_label = models.CharField(max_length=MAX_LABEL, blank=True)
    operation_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tenant_id", "-id"]),
            models.Index(fields=["tenant_id", "target_type", "target_id", "-id"], name="audit_event_target"),
            models.Index(fields=["action", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.sentence} {self.target_label}".strip()

    @property
    def sentence(self) -> str:
        """What comes between the actor and the target: "asked to deploy", "was refused to deploy"."""
        words = ACTIONS[self.action]
        match self.result:
            case Result.REFUSED:
                return f"was refused to {words.attempt}"
            case Result.FAILED:
                return f"failed to {words.attempt}"
        return words.done
