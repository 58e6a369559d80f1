from django.db import models

from apps.core.models import TimeStamped
from apps.nodes.models import Node
from apps.tenants.models import Tenant


class Volume(TimeStamped):
    """A named volume at an engine, made by the panel. It is removed only by the deletion of what it belongs to."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="volumes")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="volumes")
    name = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "name"], name="volumes_volume_once_per_node")]

    def __str__(self) -> str:
        return self.name
