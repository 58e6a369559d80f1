"""What the operator says of the mail server is understood, and refused where it cannot be meant."""

import pytest
from pydantic import ValidationError

from panel.env import Environment

FROM = "Berth <berth@panel.example>"


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls", "starts_tls"),
    [
        ("smtps://mail.example", "mail.example", 465, True, False),
        ("smtp+tls://mail.example", "mail.example", 587, False, True),
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, False, False),
        ("", "", 25, False, False),
    ],
)
def test_the_scheme_says_how_the_line_is_secured(url, host, port, is_tls, starts_tls):
    mail = Environment(email_url=url, email_from=FROM).mail
    assert (mail.host, mail.port, mail.is_tls, mail.starts_tls) == (host, port, is_tls, starts_tls)


def test_names_and_passwords_may_hold_any_character():
    mail = Environment(email_url="smtps://me%40example.com:p%3A%2Fss@mail.example", email_from=FROM).mail
    assert (mail.user, mail.password) == ("me@example.com", "p:/ss")


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtps://"])
def test_any_other_address_is_refused_without_quoting_its_password(url):
    with pytest.raises(ValidationError, match="must be such as"):
        Environment(email_url=url, email_from=FROM)


def test_mail_needs_a_sender():
    with pytest.raises(ValidationError, match="PANEL_EMAIL_FROM"):
        Environment(email_url="smtps://mail.example")
