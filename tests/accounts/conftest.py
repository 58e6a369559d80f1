from collections.abc import Iterator

import pytest
from django.test import Client

from apps.core.mail import wait_until_sent
from tests.support.people import browser


@pytest.fixture
def visitor() -> Client:
    """A browser that nobody has signed in with."""
    return browser()


@pytest.fixture
def has_mail(settings) -> Iterator[None]:
    settings.EMAIL_HOST = "mail.example"
    settings.DEFAULT_FROM_EMAIL = "berth@panel.example"
    yield
    wait_until_sent()  # no test finds another's mail
