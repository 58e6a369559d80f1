from django.db import models

from apps.accounts.models import User
from apps.core.models import TimeStamped
from apps.tenants.permissions import GRANTABLE, Role


class Tenant(TimeStamped):
    """A customer. Everything that a tenant owns hangs under this row; the slug is in every URL and never changes."""

    slug = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    suspended_at = models.DateTimeField(null=True, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="tenants")

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None

    @property
    def initials(self) -> str:
        return self.name[:2].upper()


class Membership(TimeStamped):
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="tenants_membership_once")]

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"


class Grant(TimeStamped):
    """A role on one application, beyond the member's role in the whole tenant.

    The application's id, no foreign key: applications are above this app, which imports nothing upward. Who deletes an
    application deletes its grants (`services.forget_application`).
    """

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="grants")
    application_id = models.BigIntegerField()
    role = models.CharField(max_length=10, choices=[(role.value, role.label) for role in GRANTABLE])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["membership", "application_id"], name="tenants_grant_once")]
        indexes = [models.Index(fields=["application_id"], name="tenants_grant_application")]

    def __str__(self) -> str:
        return f"{self.role} of application {self.application_id}"
