"""The whole of Berth as `make up` starts it, and a real Chromium in front of it."""

import subprocess
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.images import ensure_images
from tests.support.registry import Registry
from tests.support.system import System, running_system
from tests.support.visitor import PASSWORD

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

OPERATOR = "oscar@example.com"
VIEWER = "vera@example.com"

#: People beside the operator, who owns the first tenant: made as the operator's services make them.
ADD_VIEWER = f"""
from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.tenants.models import Tenant
from apps.tenants.permissions import Role
from apps.tenants.services import add_member
user = User.objects.create_user({VIEWER!r}, {PASSWORD!r}, name="Vera")
add_member(Tenant.objects.get(slug="acme"), user, Role.VIEWER, actor=SYSTEM)
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def system(registry: Registry, browser: Browser) -> Iterator[System]:
    """A running Berth that has been set up by Oscar, with the tenant acme and its viewer Vera."""
    ensure_images()
    with running_system(PANEL_ALLOWED_REGISTRIES=registry.host) as running:
        with browser.new_context(base_url=running.base_url) as context:
            set_up(context.new_page(), running.setup_link)
        running.manage("shell", "-c", ADD_VIEWER)
        yield running
        print("\n".join(running.output[-200:]))  # noqa: T201  shown by pytest when a test failed


def set_up(page: Page, link: str) -> None:
    """The first run, click by click."""
    page.goto(link)
    page.get_by_label("Name of this installation").fill("Harbour")
    page.get_by_label("Your name").fill("Oscar")
    page.get_by_label("E-mail").fill(OPERATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button[type=submit], form button[type=submit]").first.click()
    expect(page.get_by_text("Docker 2")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Continue").click()
    page.get_by_label("Name", exact=True).fill("Acme Ltd")
    page.get_by_label("Short name").fill("acme")
    page.locator("form button[type=submit]").last.click()
    page.wait_for_url("**/t/acme/")


@pytest.fixture
def sign_in(browser: Browser, system: System) -> Iterator[Callable[..., Page]]:
    """Open a page as somebody: `sign_in("vera@example.com", width=390, scheme="dark")`."""
    contexts = []

    def sign_in(email: str = OPERATOR, *, width: int = 1440, scheme: str = "light") -> Page:
        context = browser.new_context(
            base_url=system.base_url, viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
        page.goto("/sign-in/")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/t/acme/")
        return page

    yield sign_in
    for context in contexts:
        context.close()


@pytest.fixture
def page(sign_in: Callable[..., Page]) -> Page:
    """Oscar's, who owns acme."""
    return sign_in()


@pytest.fixture
def httpd(registry: Registry) -> str:
    return registry.push("berth-test/httpd:1", "shop/web:1")


@pytest.fixture
def container_of(system: System) -> Callable[[str], str]:
    """The engine's name of an application's running container."""

    def container_of(slug: str) -> str:
        code = (
            "from apps.containers.models import Container;"
            f"print(Container.objects.filter(application__slug={slug!r}).latest('id').name)"
        )
        return system.manage("shell", "-v", "0", "-c", code).strip().splitlines()[-1]

    return container_of


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True)
