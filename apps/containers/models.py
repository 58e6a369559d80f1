from django.db import models
from django.urls import reverse

from apps.accounts.models import User
from apps.core.fields import EncryptedTextField
from apps.core.models import TimeStamped
from apps.engine.spec import ServiceSpec
from apps.engine.types import ContainerState, Health
from apps.images.models import Image
from apps.networking.models import Domain, Network
from apps.nodes.models import Node
from apps.operations.models import Operation
from apps.tenants.models import Tenant
from apps.volumes.models import Volume


class DesiredState(models.TextChoices):
    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"
    DELETED = "deleted", "Deleted"


class Application(TimeStamped):
    """What a tenant deploys. `spec` is what the next release will freeze; `release` is the one that serves.

    `is_held`: it was to run when its tenant was halted, and is to be started again when that is over. What its people
    want of it (`desired_state`) does not change by that.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="applications")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="applications")
    slug = models.SlugField(max_length=40)
    spec_data = models.JSONField()
    desired_state = models.CharField(max_length=10, choices=DesiredState, default=DesiredState.RUNNING)
    is_held = models.BooleanField(default=False)
    network = models.OneToOneField(Network, on_delete=models.PROTECT, related_name="application")
    domain = models.OneToOneField(Domain, null=True, on_delete=models.SET_NULL, related_name="application")
    release = models.ForeignKey("Release", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["slug"]
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="containers_application_slug")]

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        return reverse("application-detail", args=[self.tenant.slug, self.slug])

    @property
    def spec(self) -> ServiceSpec:
        return ServiceSpec.model_validate(self.spec_data)

    @property
    def topic(self) -> str:
        return f"application:{self.pk}"


class Variable(TimeStamped):
    """An environment variable of the next release. Values are encrypted at rest and shown only to those who may."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="variables")
    name = models.CharField(max_length=128)
    value = EncryptedTextField(blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["application", "name"], name="containers_variable_once")]

    def __str__(self) -> str:
        return self.name


class Release(TimeStamped):
    """An immutable, numbered snapshot of an application's specification; how it fared is its operation's state."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="releases")
    number = models.PositiveIntegerField()
    spec_data = models.JSONField()
    variables_data = EncryptedTextField(default="{}")
    image = models.ForeignKey(Image, null=True, on_delete=models.PROTECT, related_name="releases")
    operation = models.OneToOneField(Operation, null=True, on_delete=models.SET_NULL, related_name="release")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by_label = models.CharField(max_length=254)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["application", "number"], name="containers_release_number")]

    def __str__(self) -> str:
        return f"release {self.number}"

    @property
    def spec(self) -> ServiceSpec:
        return ServiceSpec.model_validate(self.spec_data)


class Attachment(TimeStamped):
    """A volume at a place in an application's file system, kept across its releases."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="attachments")
    volume = models.OneToOneField(Volume, on_delete=models.PROTECT, related_name="attachment")
    target = models.CharField(max_length=400)

    class Meta:
        ordering = ["target"]
        constraints = [models.UniqueConstraint(fields=["application", "target"], name="containers_attachment_target")]

    def __str__(self) -> str:
        return f"{self.volume} at {self.target}"


def _choices(words: type[ContainerState] | type[Health]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class Container(TimeStamped):
    """A container of a release, as it was last seen at the engine. The watcher and the jobs write what they observe."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="containers")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="containers")
    service = models.CharField(max_length=40, default="web")
    name = models.CharField(max_length=100, unique=True)
    address = models.GenericIPAddressField(protocol="IPv4")
    engine_id = models.CharField(max_length=64, blank=True, db_index=True)
    state = models.CharField(max_length=10, choices=_choices(ContainerState), default=ContainerState.CREATED)
    health = models.CharField(max_length=10, choices=_choices(Health), default=Health.NONE)
    exit_code = models.IntegerField(null=True)
    is_oom_killed = models.BooleanField(default=False)
    was_stopped = models.BooleanField(default=False, help_text="Somebody asked it to stop, in the panel or outside")
    restart_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
