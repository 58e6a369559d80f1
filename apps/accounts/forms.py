from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from apps.accounts.models import User


class SignInForm(forms.Form):
    email = forms.EmailField(
        label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))


def _new_password() -> forms.CharField:
    return forms.CharField(
        label="Password",
        strip=False,
        help_text="At least 12 characters. A few unrelated words are easy to remember and hard to guess.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def _name() -> forms.CharField:
    return forms.CharField(label="Your name", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "name"}))


class NewPasswordMixin(forms.Form):
    """Checks `password` by the validators, against what is known of its owner."""

    def owner(self) -> User:
        return User(email=self.cleaned_data.get("email", ""), name=self.cleaned_data.get("name", ""))

    def clean(self) -> None:
        if password := self.cleaned_data.get("password"):
            try:
                validate_password(password, self.owner())
            except forms.ValidationError as error:
                self.add_error("password", error)


class NewAccountForm(NewPasswordMixin):
    """Name, e-mail and a password that passes the validators."""

    name = _name()
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = _new_password()

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError("Somebody already has the address %(email)s.", params={"email": email})
        return email


class ProvedAccountForm(NewPasswordMixin):
    """The same for an address that an invitation settled."""

    name = _name()
    password = _new_password()

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def owner(self) -> User:
        return User(email=self.email, name=self.cleaned_data.get("name", ""))
