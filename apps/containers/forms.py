"""Forms of applications: they only shape input. The rules are those of `apps.engine.spec`, in one place."""

import shlex
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms

from apps.containers.models import Application
from apps.containers.needs import Needs
from apps.containers.strategy import Strategy
from apps.containers.variables import parse_env
from apps.core.errors import InvalidInput
from apps.engine.spec import MIB, ServiceSpec, parse_spec
from apps.quotas.resources import Resource
from apps.tenants.names import check_slug

#: Fields of the specification, and resources of the quota ledger, that the forms call otherwise.
FIELD_OF: Final = {"memory_bytes": "memory_mib", "memory": "memory_mib", "cpu_millis": "cpu"}


def check_magnitude(value: int | Decimal) -> None:
    """Sums with numbers beyond this would not end; the rules proper are stricter, and say more."""
    if not -(10**9) <= value <= 10**9:
        raise forms.ValidationError("A number of at most nine digits.")


class SpecForm(forms.Form):
    """Image, command, port and size; `spec` holds the validated specification once the form is valid."""

    image = forms.CharField(
        max_length=255,
        help_text="As you would give it to docker run: nginx:1.27, or registry.example/shop/web:3.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}),
    )
    command = forms.CharField(
        required=False,
        strip=True,
        help_text="Leave empty for the image's own. Words are split as a shell would, but no shell runs.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}),
    )
    port = forms.IntegerField(
        required=False,
        validators=[check_magnitude],
        help_text="Where the application listens. Leave empty if it serves nobody: it gets no address.",
    )
    memory_mib = forms.IntegerField(label="Memory (MiB)", initial=256, validators=[check_magnitude])
    cpu = forms.DecimalField(
        label="CPU (cores)", initial=Decimal("0.5"), decimal_places=2, validators=[check_magnitude]
    )

    spec: ServiceSpec

    def clean_command(self) -> tuple[str, ...]:
        try:
            return tuple(shlex.split(self.cleaned_data["command"]))
        except ValueError as error:
            raise forms.ValidationError("A quotation mark is not closed.") from error

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.spec = parse_spec(
                    {
                        "image": data["image"],
                        "command": data["command"],
                        "port": data["port"],
                        "memory_bytes": data["memory_mib"] * MIB,
                        "cpu_millis": int(data["cpu"] * 1000),
                    }
                )
            except InvalidInput as error:
                self.add_error(FIELD_OF.get(error.field or "", error.field), error.message)
        return data

    @classmethod
    def initial_for(cls, application: Application) -> dict[str, Any]:
        spec = application.spec
        return {
            "image": spec.image,
            "command": shlex.join(spec.command),
            "port": spec.port,
            "memory_mib": spec.memory_bytes // MIB,
            "cpu": Decimal(spec.cpu_millis) / 1000,
        }


class VariablesForm(forms.Form):
    variables = forms.CharField(
        required=False,
        strip=False,
        help_text="One NAME=value per line; paste a .env file. Values are encrypted; owners and admins see them.",
        widget=forms.Textarea(
            attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
        ),
    )

    def clean_variables(self) -> dict[str, str]:
        try:
            return parse_env(self.cleaned_data["variables"])
        except InvalidInput as error:
            raise forms.ValidationError(error.message) from error


class NewApplicationForm(VariablesForm, SpecForm):
    name = forms.CharField(
        max_length=200,
        help_text="Part of its address. Lower-case letters, digits and single hyphens, at most 40 characters.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}),
    )

    field_order = ("image", "name", "command", "port", "variables", "memory_mib", "cpu")

    def clean_name(self) -> str:
        try:
            return check_slug(self.cleaned_data["name"], field="name", max_length=40)
        except InvalidInput as error:
            raise forms.ValidationError(error.message) from error


class SizeForm(forms.Form):
    """What a half-filled form asks for so far, for the quota beside it; nonsense counts as nothing."""

    memory_mib = forms.IntegerField(required=False, min_value=0, validators=[check_magnitude])
    cpu = forms.DecimalField(required=False, min_value=Decimal(0), validators=[check_magnitude])

    @property
    def needs(self) -> Needs:
        self.full_clean()
        memory_mib, cpu = self.cleaned_data.get("memory_mib") or 0, self.cleaned_data.get("cpu") or 0
        return Counter({Resource.CPU: int(cpu * 1000), Resource.MEMORY: memory_mib * MIB, Resource.CONTAINERS: 1})


class StrategyForm(forms.Form):
    """Which of the two ways the button that was pressed stands for."""

    strategy = forms.ChoiceField(required=False, choices=Strategy.choices)

    @classmethod
    def chosen(cls, data: Mapping[str, str]) -> Strategy:
        form = cls(data)
        return Strategy(form.cleaned_data["strategy"] or Strategy.ROLLING) if form.is_valid() else Strategy.ROLLING


class DeleteForm(forms.Form):
    name = forms.CharField(label="Name", widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))
