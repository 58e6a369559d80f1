"""Second factors, passkeys and sessions as people click them; passkeys by Chromium's own virtual authenticator."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest
from oidc_provider_mock import User as Person
from oidc_provider_mock import run_server_in_thread
from playwright.sync_api import Browser, Page, expect

from tests.support.system import System
from tests.support.visitor import PASSWORD

pytestmark = [pytest.mark.engine, pytest.mark.browser]

KEY_WITH_FINGER = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
ADD_NINA = f"""
from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.tenants.models import Tenant
from apps.tenants.permissions import Role
from apps.tenants.services import add_member
User.objects.filter(email="nina@example.com").delete()
user = User.objects.create_user("nina@example.com", {PASSWORD!r}, name="Nina")
add_member(Tenant.objects.get(slug="acme"), user, Role.VIEWER, actor=SYSTEM)
"""


@pytest.fixture
def nina(system: System) -> str:
    """A member of acme whom no other test knows."""
    system.manage("shell", "-v", "0", "-c", ADD_NINA)
    return "nina@example.com"


@pytest.fixture
def strangers_page(browser: Browser, system: System) -> Iterator[Page]:
    """A browser that nobody has signed in with."""
    with browser.new_context(base_url=system.base_url) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
        yield page


def first_half(page: Page, email: str) -> None:
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/sign-in/second-factor/")


def sign_out(page: Page, name: str) -> None:
    page.goto("/account/")
    page.get_by_role("button", name=name).click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/")


def test_an_app_is_set_up_and_asked_for_and_a_recovery_code_stands_in(
    nina: str, sign_in: Callable[..., Page], strangers_page: Page
) -> None:
    page = sign_in(nina)
    page.goto("/account/second-factor/")
    page.get_by_role("link", name="Set up an app").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_text("They are not shown again")).to_be_visible()
    codes = page.locator("#recovery-codes").inner_text().split()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_text().split() == codes
    sign_out(page, "Nina")

    first_half(page, nina)
    # The code of the set-up counts once; the next half minute's is within the clock's tolerance.
    page.get_by_label("Code").fill(pyotp.TOTP(secret).at(int(time.time()) + 30))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/t/acme/")

    first_half(strangers_page, nina)
    strangers_page.get_by_label("Code").fill(codes[0])
    strangers_page.get_by_role("button", name="Continue").click()
    strangers_page.wait_for_url("**/t/acme/")


def test_a_passkey_is_made_and_signs_in_alone_after_the_password_and_before_dangerous_acts(
    nina: str, sign_in: Callable[..., Page], system: System
) -> None:
    page = sign_in(nina)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY_WITH_FINGER})
    page.goto("/account/second-factor/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_text("They are not shown again")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("button", name="Change Laptop")).to_be_visible()
    sign_out(page, "Nina")

    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/t/acme/")
    sign_out(page, "Nina")

    first_half(page, nina)
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/t/acme/")

    page.goto("/account/confirm/?next=/account/password/")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/account/password/")


def test_a_browser_without_the_passkey_says_so(strangers_page: Page, system: System) -> None:
    session = strangers_page.context.new_cdp_session(strangers_page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY_WITH_FINGER})
    strangers_page.goto("/sign-in/")
    strangers_page.get_by_role("button", name="Use a passkey").click()
    expect(strangers_page.get_by_text("No passkey was used")).to_be_visible(timeout=15_000)


def test_another_device_is_signed_out_and_its_open_page_goes_to_the_sign_in_page(
    nina: str, sign_in: Callable[..., Page]
) -> None:
    phone, laptop = sign_in(nina), sign_in(nina)
    laptop.goto("/account/sessions/")
    expect(laptop.get_by_text("This one")).to_be_visible()
    laptop.get_by_role("row", name="Chrome on Linux").get_by_role("button", name="Sign out").click()
    expect(laptop.get_by_text("That device is signed out")).to_be_visible()
    # Its live socket is closed, and the page asks its own door.
    phone.wait_for_url("**/sign-in/**", timeout=10_000)


ADD_PROVIDER = """
from apps.accounts.models import IdentityProvider
IdentityProvider.objects.create(slug="corporate", name="Corporate", issuer={issuer!r}, client_id="x", client_secret="x")
"""


def test_another_sign_in_is_connected_and_signs_in_from_then_on(
    nina: str, system: System, sign_in: Callable[..., Page]
) -> None:
    with run_server_in_thread(user_claims=[Person(sub="nina", claims={"email": nina})]) as server:
        issuer = f"http://localhost:{server.server_port}"
        system.manage("shell", "-v", "0", "-c", ADD_PROVIDER.format(issuer=issuer))
        page = sign_in(nina)
        page.goto("/account/connected/")
        page.get_by_role("button", name="Connect").click()
        page.wait_for_url(f"{issuer}/**")  # by itself, which the policy of the page allows
        page.get_by_role("button", name="nina").click()
        expect(page.get_by_text("From now on Corporate signs you in")).to_be_visible()
        sign_out(page, "Nina")
        page.get_by_role("button", name="Sign in with Corporate").click()
        page.wait_for_url(f"{issuer}/**")
        page.get_by_role("button", name="nina").click()
        page.wait_for_url("**/t/acme/")
    system.manage(
        "shell", "-v", "0", "-c", "from apps.accounts.models import *; IdentityProvider.objects.all().delete()"
    )
