"""What people see of their quota while they fill in a form, and when it does not suffice."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.system import System

pytestmark = [pytest.mark.browser, pytest.mark.engine]

#: Room for half a GiB beside what runs already; or without a limit again.
LIMIT = """
from apps.quotas.ledger import balances_of, set_limits
from apps.quotas.resources import Resource
from apps.tenants.models import Tenant
account = Tenant.objects.get(slug="acme").account
reserved = {balance.resource: balance.reserved for balance in balances_of(account)}[Resource.MEMORY]
set_limits(account, {Resource.MEMORY: %s})
"""


@pytest.fixture
def _half_a_gib(system: System) -> Iterator[None]:
    system.manage("shell", "-c", LIMIT % "reserved + 2**29")
    yield
    system.manage("shell", "-c", LIMIT % None)


@pytest.mark.usefixtures("_half_a_gib")
def test_the_quota_follows_the_form_and_a_refusal_loses_nothing(page: Page, httpd: str):
    page.goto("/t/acme/new/image/")
    memory = page.locator("#quota .quota-line", has_text="Memory")
    expect(memory).to_contain_text("after this:")
    expect(memory).not_to_contain_text("That is more than there is.")
    page.locator("label", has_text="1024 MiB").click()
    expect(memory).to_contain_text("That is more than there is.")

    page.get_by_label("Image").fill(httpd)
    page.get_by_label("Name").fill("too-large")
    page.get_by_label("Port").fill("8080")
    page.get_by_role("button", name="Deploy").click()
    expect(page.locator(".field-error")).to_contain_text("Memory: this needs 1 GiB more, but")
    expect(page.get_by_label("Name")).to_have_value("too-large")

    page.get_by_label("Memory (MiB)").fill("64")
    expect(memory).not_to_contain_text("That is more than there is.")
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=30_000)
