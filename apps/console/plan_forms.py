"""Forms of plans: limits are typed in the units of the resource table and kept in base units."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from django import forms
from django.utils import timezone

from apps.engine.spec import MIB, check_cpu, check_memory
from apps.quotas.resources import RESOURCES, Info, Limits, Resource
from apps.tenants.models import Plan
from apps.tenants.plans import SIZES

#: No limit is larger: what a column of the ledger holds.
_MAX = Decimal(2**62)


class LimitField(forms.DecimalField):
    """A limit as it is typed: in the resource's unit; empty for none. Cleans to base units."""

    def __init__(self, info: Info, **options: Any) -> None:
        unit = f" ({info.unit})" if info.unit else ""
        super().__init__(
            label=info.label + unit,
            required=False,
            min_value=0,
            max_value=_MAX // info.base,
            decimal_places=3 if info.unit == "cores" else 0,
            widget=forms.NumberInput(attrs={"placeholder": "unlimited", "inputmode": "decimal"}),
            **options,
        )
        self.info = info

    def clean(self, value: Any) -> int | None:
        found = super().clean(value)
        return None if found is None else int(found * self.info.base)


def _typed(limit: int | None, info: Info) -> Decimal | None:
    return None if limit is None else (Decimal(limit) / info.base).normalize()


class PlanForm(forms.Form):
    name = forms.CharField(max_length=40)
    is_default = forms.BooleanField(
        label="New tenants get this plan",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for resource, info in RESOURCES.items():
            self.fields[resource.value] = LimitField(info)

    @classmethod
    def initial_for(cls, plan: Plan | None) -> dict[str, Any]:
        if plan is None:
            return {}
        limits = {key.value: _typed(plan.limits.get(key.value), info) for key, info in RESOURCES.items()}
        return {"name": plan.name, "is_default": plan.is_default} | limits

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        return [self[resource.value] for resource in RESOURCES]

    @property
    def limits(self) -> Limits:
        return {resource: self.cleaned_data[resource.value] for resource in RESOURCES}

    @property
    def values(self) -> dict[str, Any]:
        """What `save_plan` takes, but for the sizes."""
        limits = {resource.value: limit for resource, limit in self.limits.items()}
        return {"name": self.cleaned_data["name"], "is_default": self.cleaned_data["is_default"], "limits": limits}


class SizeRow(forms.Form):
    name = forms.CharField(max_length=12)
    memory_mib = forms.IntegerField(label="Memory (MiB)", min_value=1, max_value=1024 * 1024)
    cpu = forms.DecimalField(label="CPU (cores)", min_value=0, max_value=1024, decimal_places=2)

    def clean_memory_mib(self) -> int:
        value: int = self.cleaned_data["memory_mib"]
        return _checked(check_memory, value * MIB) // MIB

    def clean_cpu(self) -> Decimal:
        value: Decimal = self.cleaned_data["cpu"]
        _checked(check_cpu, int(value * 1000))
        return value


def _checked(check: Any, value: int) -> int:
    try:
        checked: int = check(value)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error
    return checked


class SizeFormSet(
    forms.formset_factory(SizeRow, extra=1, max_num=8, validate_max=True, can_delete=True)  # type: ignore[misc]
):
    """The sizes that a plan offers; rows left empty are none."""

    @classmethod
    def initial_for(cls, plan: Plan | None) -> list[dict[str, Any]]:
        return [
            {
                "name": size["name"],
                "memory_mib": size["memory_bytes"] // MIB,
                "cpu": (Decimal(size["cpu_millis"]) / 1000).normalize(),
            }
            for size in (plan.sizes if plan else SIZES)
        ]

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].widget.attrs["class"] = "form-check-input"

    @property
    def values(self) -> list[dict[str, Any]]:
        return [
            {
                "name": row["name"],
                "memory_bytes": row["memory_mib"] * MIB,
                "cpu_millis": int(row["cpu"] * 1000),
            }
            for row in self.cleaned_data
            if row and not row.get("DELETE")
        ]


class AssignPlanForm(forms.Form):
    plan = forms.ModelChoiceField(Plan.objects.all(), empty_label=None)


class OverrideForm(forms.Form):
    """Another limit of one resource, in that resource's unit."""

    resource = forms.ChoiceField(
        choices=[
            (key.value, f"{info.label} ({info.unit})" if info.unit else info.label) for key, info in RESOURCES.items()
        ]
    )
    limit = forms.CharField(required=False, help_text="Empty: unlimited.", widget=forms.NumberInput())
    reason = forms.CharField(max_length=200, help_text="Members of the tenant see it in their activity.")
    ends = forms.DateField(
        required=False,
        label="Until",
        help_text="The last day (UTC). Empty: until somebody ends it.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if "resource" in data and "limit" in data:
            try:
                data["limit"] = LimitField(RESOURCES[Resource(data["resource"])]).clean(data["limit"])
            except forms.ValidationError as error:
                self.add_error("limit", error)
        return data

    def clean_ends(self) -> datetime | None:
        day = self.cleaned_data["ends"]
        if day is None:
            return None
        end = datetime(day.year, day.month, day.day, tzinfo=timezone.get_default_timezone()) + timedelta(days=1)
        if end <= timezone.now():
            raise forms.ValidationError("That day is over.")
        return end

    @property
    def values(self) -> dict[str, Any]:
        """What `override_limit` takes."""
        data = self.cleaned_data
        return {
            "resource": Resource(data["resource"]),
            "limit": data["limit"],
            "reason": data["reason"],
            "ends_at": data["ends"],
        }


class CapacityForm(forms.Form):
    cpu_ratio = forms.DecimalField(label="CPU ratio", min_value=Decimal("0.1"), max_value=100, decimal_places=2)
    memory_ratio = forms.DecimalField(label="Memory ratio", min_value=Decimal("0.1"), max_value=10, decimal_places=2)

    @classmethod
    def of(cls, node: Any) -> Self:
        return cls(initial={"cpu_ratio": node.cpu_ratio, "memory_ratio": node.memory_ratio})
