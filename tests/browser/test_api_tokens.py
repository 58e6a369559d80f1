"""Make a token, copy it, use it, revoke it."""

import httpx
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.engine, pytest.mark.browser]


def test_a_token_is_made_copied_used_and_revoked(page, system):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="API tokens").first.click()
    page.get_by_role("link", name="New token").first.click()
    page.get_by_label("Name", exact=True).fill("ci")
    page.get_by_label("Read logs").check()
    page.get_by_label("Expires").select_option("In 90 days")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    secret = page.evaluate("navigator.clipboard.readText()")

    def ask(path: str = "/api/v1/t/acme/applications") -> httpx.Response:
        return httpx.get(system.base_url + path, headers={"Authorization": f"Bearer {secret}"})

    answer = ask()
    assert (answer.status_code, set(answer.json())) == (200, {"items", "count"})
    assert ask("/t/acme/").headers["location"].startswith("/sign-in/")

    page.get_by_role("link", name="I have copied it").click()
    row = page.get_by_role("row", name="ci")
    expect(row.get_by_text(f"berth_…{secret[-4:]}")).to_be_visible()
    expect(row).not_to_contain_text(secret)
    row.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("There is no token yet")).to_be_visible()
    refused = ask()
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
