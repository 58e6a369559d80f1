from django.db import models

from apps.core.models import TimeStamped
from apps.tenants.models import Tenant


class Image(TimeStamped):
    """An image that a tenant deployed, as it was found: `run_reference` is what the engine runs.

    For a registry's image that is `repository@digest`. An image of the installation itself (the sample) has no tenant
    and no registry: its `run_reference` is the engine's image id.
    """

    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.CASCADE, related_name="images")
    reference = models.CharField(max_length=400)
    run_reference = models.CharField(max_length=400)
    image_id = models.CharField(max_length=80, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    architecture = models.CharField(max_length=20, blank=True)
    exposed_ports = models.JSONField(default=list)
    volumes = models.JSONField(default=list)
    layers = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "reference", "run_reference"], name="images_image_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def digest(self) -> str:
        return self.run_reference.rpartition("@")[2]
