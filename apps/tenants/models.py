from django.db import models

from apps.accounts.models import User
from apps.core.models import TimeStamped
from apps.quotas.resources import RESOURCES, Info, Resource
from apps.tenants.permissions import GRANTABLE, Role


class Plan(TimeStamped):
    """What a tenant gets. `limits` maps resources to base units (null or absent: unlimited).

    `sizes` are what forms offer by one click: `{name, memory_bytes, cpu_millis}` each.
    """

    name = models.CharField(max_length=40, unique=True)
    limits = models.JSONField(default=dict)
    sizes = models.JSONField(default=list)
    is_default = models.BooleanField(default=False, help_text="New tenants get it")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="tenants_one_default_plan"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Tenant(TimeStamped):
    """A customer. Everything that a tenant owns hangs under this row; the slug is in every URL and never changes."""

    slug = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    suspended_at = models.DateTimeField(null=True, blank=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="tenants")
    members = models.ManyToManyField(User, through="Membership", related_name="tenants")

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def account(self) -> str:
        """Its name in the quota ledger."""
        return f"tenant:{self.pk}"

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None

    @property
    def initials(self) -> str:
        return self.name[:2].upper()


class Override(TimeStamped):
    """A limit of one tenant that differs from its plan's, for a reason and perhaps for a time."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="overrides")
    resource = models.CharField(max_length=20)
    limit = models.BigIntegerField(null=True, help_text="In base units; empty: unlimited")
    reason = models.CharField(max_length=200)
    ends_at = models.DateTimeField(null=True)
    created_by_label = models.CharField(max_length=254)

    class Meta:
        ordering = ["resource"]
        constraints = [models.UniqueConstraint(fields=["tenant", "resource"], name="tenants_override_once")]

    def __str__(self) -> str:
        return f"{self.resource} of {self.tenant}"

    @property
    def info(self) -> Info:
        return RESOURCES[Resource(self.resource)]

    @property
    def words(self) -> str:
        return "unlimited" if self.limit is None else self.info.words(self.limit)


class Membership(TimeStamped):
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="tenants_membership_once")]

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"

    @property
    def holder(self) -> str:
        """Its name in the quota ledger."""
        return f"membership:{self.pk}"


class RoleOnApplication(TimeStamped):
    """A role on one application, beyond the role in the whole tenant.

    The application's id, no foreign key: applications are above this app, which imports nothing upward. Who deletes an
    application deletes its grants (`services.forget_application`).
    """

    application_id = models.BigIntegerField()
    role = models.CharField(max_length=10, choices=[(role.value, role.label) for role in GRANTABLE])

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.role} of application {self.application_id}"


class Grant(RoleOnApplication):
    """What a member has."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="grants")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["membership", "application_id"], name="tenants_grant_once")]
        indexes = [models.Index(fields=["application_id"], name="tenants_grant_application")]


class Invitation(TimeStamped):
    """A pending invitation. Its row is deleted when it ends, however it ends: the audit log remembers it.

    Of the token in its link only a digest is kept.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role)
    token_digest = models.CharField(max_length=64, unique=True)
    #: The link went to the address itself, so that who opens it has proved the address.
    was_mailed = models.BooleanField(default=False)
    invited_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "email"], name="tenants_invitation_once")]

    def __str__(self) -> str:
        return self.email

    @property
    def holder(self) -> str:
        """Its name in the quota ledger: it holds the place of the member to come."""
        return f"invitation:{self.pk}"


class InvitedGrant(RoleOnApplication):
    """What an invitation promises."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="grants")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invitation", "application_id"], name="tenants_invited_grant_once")
        ]
        indexes = [models.Index(fields=["application_id"], name="tenants_invited_application")]
