from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import MAX_ACTOR_LABEL
from apps.core.models import TimeStamped
from apps.quotas.resources import RESOURCES, Info, Resource
from apps.tenants.permissions import GRANTABLE, Permission, Role


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


class TenantState(models.TextChoices):
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    CLOSED = "closed", "Being deleted"


class TenantQuerySet(models.QuerySet["Tenant"]):
    def in_state(self, state: TenantState) -> "TenantQuerySet":
        """As `Tenant.state` says it: of a suspended tenant that is being deleted, the latter counts."""
        match state:
            case TenantState.CLOSED:
                return self.filter(closed_at__isnull=False)
            case TenantState.SUSPENDED:
                return self.filter(closed_at__isnull=True, suspended_at__isnull=False)
        return self.filter(closed_at__isnull=True, suspended_at__isnull=True)


class Tenant(TimeStamped):
    """A customer. Everything that a tenant owns hangs under this row; the slug is in every URL and never changes.

    While it is suspended by the operator, or closed (its deletion was asked for, and can be undone until `erase_at`),
    it is *halted*: nothing of it runs, and members may only look.
    """

    slug = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    suspended_at = models.DateTimeField(null=True, blank=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="tenants")
    suspension_reason = models.CharField(max_length=300, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    erase_at = models.DateTimeField(null=True, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="tenants")

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, erase_at__isnull=True)
                | Q(closed_at__isnull=False, erase_at__isnull=False, erase_at__gte=F("closed_at")),
                name="tenants_tenant_erased_after_closing",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def account(self) -> str:
        """Its name in the quota ledger."""
        return f"tenant:{self.pk}"

    @property
    def state(self) -> TenantState:
        if self.is_closed:
            return TenantState.CLOSED
        return TenantState.SUSPENDED if self.is_suspended else TenantState.ACTIVE

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None

    @property
    def is_halted(self) -> bool:
        return self.halted_at is not None

    @property
    def halted_at(self) -> datetime | None:
        """Since when nothing of it runs."""
        return min(filter(None, (self.suspended_at, self.closed_at)), default=None)

    @property
    def topic(self) -> str:
        return f"tenant:{self.pk}"

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


class RetiredSlug(models.Model):
    """The short name of a deleted tenant: nobody gets it, nor the host names made of it, before `free_at`."""

    slug = models.SlugField(max_length=20, unique=True)
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.slug


class ImpersonationQuerySet(models.QuerySet["Impersonation"]):
    def open(self) -> "ImpersonationQuerySet":
        """Those whose end has not been written yet, whether or not they still give a right."""
        return self.filter(ended_at__isnull=True)

    def current(self) -> "ImpersonationQuerySet":
        """Those that give a right now: the time is not over, the operator is one, the member is a member."""
        membership = Membership.objects.filter(tenant=OuterRef("tenant"), user=OuterRef("member"))
        return (
            self.open()
            .filter(ends_at__gt=timezone.now(), operator__is_operator=True, operator__is_active=True)
            .filter(Q(member__isnull=True) | Q(Exists(membership), member__is_active=True))
            .select_related("operator", "tenant", "member")
        )


class Impersonation(TimeStamped):
    """An operator looks at a tenant through one of its members (or, without one, through the role of an owner).

    It holds in one session, in this tenant, for at most half an hour. `ended_at` is the end as it was noticed.
    """

    operator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="impersonations")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="impersonations")
    member = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=300)
    session_key = models.CharField(max_length=40)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = ImpersonationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["session_key"], condition=Q(ended_at__isnull=True), name="tenants_impersonation_one_per_session"
            )
        ]

    def __str__(self) -> str:
        return f"{self.operator} as {self.through}"

    @property
    def through(self) -> str:
        return str(self.member) if self.member else "an owner"


class ApiTokens(models.QuerySet["ApiToken"]):
    def with_owners(self) -> Self:
        return self.select_related("tenant", "membership__tenant", "membership__user")


class ApiToken(TimeStamped):
    """A program's way into one tenant; of the secret only its hash is kept, and the last digits to know it by.

    A personal one hangs under its person's membership, ends with it, and allows at most what they may do themselves.
    A tenant's own has no membership: it survives its maker, whose `role` when they made it it never exceeds.
    `application_ids` (plain ids, as in a grant) are all that it sees; None: everything, also what is still to come.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_tokens")
    membership = models.ForeignKey(Membership, null=True, on_delete=models.CASCADE, related_name="api_tokens")
    role = models.CharField(max_length=10, choices=Role, blank=True)
    name = models.CharField(max_length=60)
    secret_hash = models.CharField(max_length=64, unique=True)
    secret_end = models.CharField(max_length=4)
    abilities = models.JSONField()
    application_ids = models.JSONField(null=True)
    made_by_label = models.CharField(max_length=MAX_ACTOR_LABEL)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    last_refused_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokens.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """Who acts with it, as the audit log says: `dora@example.com (token deploy-bot)`, `token ci of Acme`."""
        if self.membership is None:
            return f"token {self.name} of {self.tenant.name}"
        return f"{self.membership.user.email} (token {self.name})"[:MAX_ACTOR_LABEL]

    @property
    def permissions(self) -> frozenset[Permission]:
        return frozenset(map(Permission, self.abilities))

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    @property
    def end(self) -> str:
        """Why it opens nothing any more, as in “it has expired”; empty while it lives."""
        if self.revoked_at is not None:
            return "was revoked"
        if self.is_expired:
            return "has expired"
        return "belongs to somebody shut out" if self.membership and not self.membership.user.is_active else ""

    @property
    def is_live(self) -> bool:
        return not self.end
