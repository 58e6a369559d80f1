"""The pictures in the README are taken here, so that they show what there is."""

import pytest
from playwright.sync_api import expect

from panel.env import BASE_DIR

pytestmark = [pytest.mark.engine, pytest.mark.browser]


def test_the_application_page(page):
    page.goto("/t/acme/new/")
    page.get_by_role("button", name="Sample application").click()
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    page.locator("main").get_by_role("link", name="Open sample").click()
    expect(page.locator("[data-stat=memory]")).to_contain_text("iB", timeout=10_000)
    expect(page.get_by_text("Heartbeat 1")).to_be_visible(timeout=20_000)
    page.screenshot(path=BASE_DIR / "docs" / "screenshots" / "application.png")
