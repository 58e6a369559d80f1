"""Forms of tenants: they only shape input. What may be given to whom is decided in `roster`."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.forms import BoundField

from apps.core.errors import InvalidInput
from apps.tenants.names import check_slug
from apps.tenants.permissions import GRANTABLE, PURPOSE, Role

_ON: Final = "application-"
_NO_GRANT: Final = ("", "None")


class TenantForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="As people call it, such as Acme Ltd.")
    slug = forms.CharField(
        label="Short name",
        max_length=200,
        help_text="Part of every address; never changes. Lower-case letters, digits, single hyphens, at most 20.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )

    def clean_slug(self) -> str:
        try:
            return check_slug(self.cleaned_data["slug"], field="slug", max_length=20)
        except InvalidInput as error:
            raise forms.ValidationError(error.message) from error


class RightsForm(forms.Form):
    """A role in the tenant, and for each of its applications none, or a role there.

    Offers no role above `highest`. `grants` holds what was chosen on applications, by their ids, once it is valid.
    """

    def __init__(self, *args: Any, highest: Role, applications: Mapping[int, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = [role for role in Role if not role.is_above(highest)]
        self.fields["role"] = forms.ChoiceField(choices=[(role.value, role.label) for role in self.offered])
        choices = [_NO_GRANT, *((role.value, role.label) for role in GRANTABLE)]
        for pk, name in applications.items():
            self.fields[f"{_ON}{pk}"] = forms.ChoiceField(label=name, choices=choices, required=False)

    @staticmethod
    def initial_for(role: Role, grants: Mapping[int, Role]) -> dict[str, str]:
        return {"role": role.value} | {f"{_ON}{pk}": granted.value for pk, granted in grants.items()}

    @property
    def roles(self) -> list[tuple[Role, str, bool]]:
        """Each offered role with its purpose, and whether it is chosen."""
        chosen = self["role"].value()
        return [(role, PURPOSE[role], role.value == chosen) for role in self.offered]

    @property
    def on_applications(self) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith(_ON)]

    @property
    def role_chosen(self) -> Role:
        return Role(self.cleaned_data["role"])

    @property
    def grants(self) -> dict[int, Role]:
        return {
            int(name.removeprefix(_ON)): Role(value)
            for name, value in self.cleaned_data.items()
            if name.startswith(_ON) and value
        }


class InviteForm(RightsForm):
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        help_text="Only who has an account of this address, or makes one, can accept.",
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autofocus": True}),
    )


class RenameForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="As people call it, such as Acme Ltd.")

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())
