from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, cast

from django import forms
from django.utils import timezone

from apps.tenants.access import Access
from apps.tenants.permissions import MEANING, OFFERED_TO_TOKENS, Permission
from apps.tenants.tokens import TokenWish

_ALL, _SOME = "all", "some"
_LAST_DAY: Final = "last-day"
_LIFETIMES_DAYS: Final = (30, 90, 365)


class TokenForm(forms.Form):
    """What a token may do, where and how long: of all that, what its maker may do themselves is offered.

    `wish` holds the token to be made once the form is valid.
    """

    name = forms.CharField(
        max_length=60,
        help_text="What it is for, such as deploy-bot. The activity calls it by this name.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    abilities = forms.TypedMultipleChoiceField(
        label="What it may do",
        coerce=Permission,
        initial=[Permission.VIEW.value],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        error_messages={"required": "Choose at least one: a token that may do nothing is of no use."},
    )
    reach = forms.ChoiceField(
        label="Applications",
        choices=[(_ALL, "All, also those still to come"), (_SOME, "Only these")],
        initial=_ALL,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    applications = forms.TypedMultipleChoiceField(
        label="Which of them",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    expires = forms.ChoiceField(
        choices=[*((str(days), f"In {days} days") for days in _LIFETIMES_DAYS), (_LAST_DAY, "On a date")]
    )
    last_day = forms.DateField(
        help_text="It ends with this day, by UTC; at most a year from now.",
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": "Choose the day with which it ends."},
    )

    wish: TokenWish

    def __init__(self, data: Mapping[str, Any] | None, *, access: Access) -> None:
        super().__init__(data)
        abilities, applications = (
            cast("forms.MultipleChoiceField", self.fields[name]) for name in ("abilities", "applications")
        )
        abilities.choices = [
            (permission.value, MEANING[permission])
            for permission in OFFERED_TO_TOKENS
            if access.allows_somewhere(permission)
        ]
        seen = access.narrow(access.tenant.applications.all(), Permission.VIEW)
        applications.choices = list(seen.values_list("pk", "slug"))
        if data:
            self.fields["last_day"].required = data.get("expires") == _LAST_DAY

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("reach") == _SOME and not data.get("applications"):
            self.add_error("applications", "Choose at least one, or all of them above.")
        if not self.errors:
            self.wish = TokenWish(
                name=data["name"],
                abilities=frozenset(data["abilities"]),
                application_ids=frozenset(data["applications"]) if data["reach"] == _SOME else None,
                expires_at=self._expires_at(data),
            )
        return data

    @staticmethod
    def _expires_at(data: Mapping[str, Any]) -> datetime:
        if data["expires"] != _LAST_DAY:
            return timezone.now() + timedelta(days=int(data["expires"]))
        return datetime.combine(data["last_day"], time.max, tzinfo=UTC)
