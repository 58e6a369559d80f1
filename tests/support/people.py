"""What people do at the doors of the panel."""

import re
import time

import pyotp
from django.conf import settings
from django.core import mail
from django.test import Client

from apps.accounts.models import AuthenticatorApp, User
from apps.core.mail import wait_until_sent
from tests.support.visitor import PASSWORD

HOST = {"host": settings.ENVIRONMENT.host}
NEW_PASSWORD = "five other words nobody guesses"


def browser(address: str = "127.0.0.1") -> Client:
    """One that nobody has signed in with, at a network address."""
    return Client(headers=HOST, REMOTE_ADDR=address)


def signs_in(client: Client, email: str = "alice@example.com", password: str = PASSWORD, **more: str):
    return client.post("/sign-in/", {"email": email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def has_app(user: User) -> str:
    """Give somebody an authenticator app; its secret."""
    secret = pyotp.random_base32()
    AuthenticatorApp.objects.create(user=user, secret=secret)
    return secret


def code_of(secret: str, periods: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * periods)


def confirm(client: Client) -> None:
    """Prove once more who it is, as pages of the account ask."""
    assert client.post("/account/confirm/", {"password": PASSWORD, "next": "/account/"}).status_code == 302


def mailed_path() -> str:
    """The page that the last mail's link leads to."""
    wait_until_sent()
    (link,) = re.findall(r"https?://\S+/\S{20,}", mail.outbox[-1].body)
    return link.removeprefix(settings.ENVIRONMENT.base_url)
