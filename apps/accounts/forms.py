import json
from typing import Any, Final

from django import forms
from django.contrib.auth.password_validation import validate_password

from apps.accounts.models import User

_HINT = "At least 12 characters. A few unrelated words are easy to remember and hard to guess."

#: What the column holds; RFC 3696 allows no more on the way either.
MAX_EMAIL: Final = 254


def _new_password() -> forms.CharField:
    return forms.CharField(
        label="Password",
        strip=False,
        help_text=_HINT,
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


# --- signing in -------------------------------------------------------------------------------------------------------
class SignInForm(forms.Form):
    email = forms.EmailField(
        label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))


class CodeForm(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    code = forms.CharField(
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false", "autocapitalize": "none"}
        ),
    )


class PasskeyForm(forms.Form):
    """What the browser answered, as JSON."""

    answer = forms.CharField(max_length=32_000, widget=forms.HiddenInput)

    def clean_answer(self) -> dict[str, Any]:
        try:
            answer = json.loads(self.cleaned_data["answer"])
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise forms.ValidationError("The browser's answer could not be read. Try again.")
        return answer


class NewPasskeyForm(PasskeyForm):
    name = forms.CharField(max_length=60, help_text="Where it is kept, such as “Laptop” or “Key on my key ring”.")


class PasskeyNameForm(forms.Form):
    name = forms.CharField(max_length=60)


# --- accounts ---------------------------------------------------------------------------------------------------------
class EmailForm(forms.Form):
    email = forms.EmailField(
        label="E-mail",
        max_length=MAX_EMAIL,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class NewAccountForm(NewPasswordMixin):
    """Name, e-mail and a password that passes the validators."""

    name = _name()
    email = forms.EmailField(
        label="E-mail", max_length=MAX_EMAIL, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = _new_password()

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError("Somebody already has the address %(email)s.", params={"email": email})
        return email


class ProvedAccountForm(NewPasswordMixin):
    """The same for an address that a link or an invitation settled."""

    name = _name()
    password = _new_password()

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email

    def owner(self) -> User:
        return User(email=self._email, name=self.cleaned_data.get("name", ""))


class PasswordForm(NewPasswordMixin):
    """A new password of somebody known."""

    password = _new_password()

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        self.fields["password"].label = "New password"

    def owner(self) -> User:
        return self._user


class ProfileForm(forms.Form):
    name = _name()


class ConfirmForm(forms.Form):
    """The password, once more."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True})
    )
