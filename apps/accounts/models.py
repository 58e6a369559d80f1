from typing import Any, ClassVar, Final

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models.functions import Lower

from apps.core.fields import EncryptedTextField
from apps.core.models import TimeStamped


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser):
    """A person. `is_operator` opens the console; it gives no right inside a tenant."""

    email = models.EmailField(unique=True)
    #: A mail to the address was answered, or somebody we trust for it said so. Only then may others vouch by it.
    is_email_verified = models.BooleanField(default=False)
    name = models.CharField(max_length=80)
    is_operator = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_any_case")]

    def __str__(self) -> str:
        return self.email

    @property
    def initials(self) -> str:
        parts = self.name.split() or [self.email]
        return "".join(part[0] for part in parts[:2]).upper()


class UserSession(models.Model):
    """Where somebody is signed in. It goes with its session's row, whose deletion signs out (sockets included)."""

    session = models.OneToOneField(Session, on_delete=models.CASCADE, primary_key=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    number = models.UUIDField(unique=True)
    ip = models.CharField(max_length=45, blank=True)
    device = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_seen_at"]

    def __str__(self) -> str:
        return f"{self.device} at {self.ip}"


# --- second factors ---------------------------------------------------------------------------------------------------
class AuthenticatorApp(TimeStamped):
    """An app that shows time-based codes (RFC 6238). `last_counter` only grows, so that no code counts twice."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="authenticator_app")
    secret = EncryptedTextField()
    last_counter = models.BigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return "authenticator app"


class Passkey(TimeStamped):
    """A WebAuthn credential; `credential` is what the authenticator attested: its id and public key."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=60)
    credential_id = models.CharField(max_length=1400, unique=True)
    credential = models.BinaryField()
    sign_count = models.BigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.name


class RecoveryCode(models.Model):
    """A code for the day when the other factors are lost. Its row is deleted by being used."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="accounts_recovery_code_once")]

    def __str__(self) -> str:
        return "recovery code"


# --- the operator's rules ---------------------------------------------------------------------------------------------
class Required(models.TextChoices):
    NOBODY = "nobody", "Nobody"
    OPERATORS = "operators", "Operators"
    EVERYBODY = "everybody", "Everybody"


class SignUp(models.TextChoices):
    OPEN = "open", "Open: anybody may make an account"
    INVITED = "invited", "By invitation"
    CLOSED = "closed", "Closed"


class SignInPolicy(models.Model):
    """The operator's rules for signing in: at most one row; the defaults hold until it is there."""

    ONLY: Final = 1

    second_factor = models.CharField(max_length=10, choices=Required, default=Required.NOBODY)
    sign_up = models.CharField(max_length=10, choices=SignUp, default=SignUp.INVITED)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="accounts_sign_in_policy_one_row")]

    def __str__(self) -> str:
        return "the rules for signing in"


# --- signing in elsewhere ---------------------------------------------------------------------------------------------
class IdentityProvider(TimeStamped):
    """An OpenID Connect provider at which people may sign in."""

    slug = models.SlugField(max_length=30, unique=True)
    name = models.CharField(max_length=60)
    issuer = models.URLField(max_length=300)
    client_id = models.CharField(max_length=200)
    client_secret = EncryptedTextField()
    #: Its word that an e-mail address is verified is taken: who has the address there has the account here.
    is_trusted_for_email = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Identity(TimeStamped):
    """Who a user is at a provider, by the provider's own unchanging name for them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    provider = models.ForeignKey(IdentityProvider, on_delete=models.CASCADE, related_name="identities")
    subject = models.CharField(max_length=255)
    label = models.CharField(max_length=254, blank=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "subject"], name="accounts_identity_of_one_user"),
            models.UniqueConstraint(fields=["provider", "user"], name="accounts_identity_one_each"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.label or self.subject}"
