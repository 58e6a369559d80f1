from typing import Any, Final

from django import forms
from django.core.validators import validate_slug

from apps.accounts.forms import NewAccountForm
from apps.accounts.models import IdentityProvider, Required, SignUp, User
from apps.tenants.forms import TenantForm
from apps.tenants.models import Tenant
from apps.tenants.permissions import Role
from apps.tenants.plans import all_plans, default_plan

#: The choice of nobody in particular.
AN_OWNER: Final = "owner"


class SetUpForm(NewAccountForm):
    """The first operator, and what this installation is called."""

    installation_name = forms.CharField(
        label="Name of this installation", max_length=80, initial="Berth", help_text="Shown on every page."
    )

    field_order = ("installation_name", "name", "email", "password")


class NewTenantForm(TenantForm):
    """A tenant, and the person who owns it."""

    owner = forms.EmailField(label="Owner's e-mail", help_text="Somebody who has an account here.")
    plan = forms.ModelChoiceField(all_plans(), empty_label=None)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.initial.setdefault("plan", default_plan())

    def clean_owner(self) -> User:
        user = User.objects.filter(email=self.cleaned_data["owner"].lower(), is_active=True).first()
        if user is None:
            raise forms.ValidationError(
                "Nobody here has the address %(email)s.", params={"email": self.cleaned_data["owner"]}
            )
        return user


class SuspendForm(forms.Form):
    reason = forms.CharField(max_length=300, help_text="The tenant's members read it on every page, word for word.")


class ImpersonateForm(forms.Form):
    """Through whom to look at a tenant: one of its active members, or the role of an owner."""

    member = forms.ChoiceField(label="Look through")
    reason = forms.CharField(max_length=300, help_text="The tenant's members read it in their activity, word for word.")

    def __init__(self, tenant: Tenant, operator: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        memberships = tenant.memberships.select_related("user").filter(user__is_active=True).exclude(user=operator)
        self._members = {str(membership.user_id): membership.user for membership in memberships}
        ranked = sorted(memberships, key=lambda membership: (list(Role).index(Role(membership.role)), str(membership)))
        self.fields["member"].choices = [  # type: ignore[attr-defined]  # Django's Field does not know its subclass
            (AN_OWNER, "An owner, without being anybody"),
            *((str(each.user_id), f"{each.user} · {Role(each.role).label.lower()}") for each in ranked),
        ]

    def clean_member(self) -> User | None:
        chosen = self.cleaned_data["member"]
        return None if chosen == AN_OWNER else self._members[chosen]


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=200, help_text="Kept in the audit log, such as “lost phone, called back”.")


class PolicyForm(forms.Form):
    """The operator's rules for signing in."""

    second_factor = forms.ChoiceField(label="Second factor required for", choices=Required)
    sign_up = forms.ChoiceField(label="New accounts", choices=SignUp)

    def clean_second_factor(self) -> Required:
        return Required(self.cleaned_data["second_factor"])

    def clean_sign_up(self) -> SignUp:
        return SignUp(self.cleaned_data["sign_up"])


class ProviderForm(forms.Form):
    """An OpenID Connect provider; the secret is shown to nobody, and stays if it is left empty."""

    name = forms.CharField(max_length=60, help_text="As people know it; on the button of the sign-in page.")
    slug = forms.CharField(
        label="Short name",
        max_length=30,
        validators=[validate_slug],
        help_text="Part of the address that the provider sends people back to; never changes.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    issuer = forms.URLField(
        label="Issuer",
        max_length=300,
        assume_scheme="https",
        help_text="The provider's own address, without /.well-known/…; never changes.",
    )
    client_id = forms.CharField(label="Client id", max_length=200)
    client_secret = forms.CharField(
        label="Client secret",
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    is_trusted_for_email = forms.BooleanField(
        label="Its word on e-mail addresses is taken",
        required=False,
        help_text="Who has a verified address there has the account of that address here. For your own directory only.",
    )
    is_enabled = forms.BooleanField(label="People may sign in there", required=False, initial=True)

    def __init__(self, *args: Any, provider: IdentityProvider, **kwargs: Any) -> None:
        self._provider = provider
        kwargs["initial"] = {name: getattr(provider, name) for name in self.base_fields if name != "client_secret"}
        super().__init__(*args, **kwargs)
        if provider.pk is not None:
            # Another issuer's people are others, even where their names there are the same.
            self.fields["slug"].disabled = self.fields["issuer"].disabled = True
            self.fields["client_secret"].required = False
            self.fields["client_secret"].help_text = "One is kept. Type another to replace it."

    def provider_as_sent(self) -> IdentityProvider:
        for name, value in self.cleaned_data.items():
            if name != "client_secret" or value:
                setattr(self._provider, name, value)
        return self._provider
