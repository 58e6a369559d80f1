"""Somebody is invited, makes an account from the link, deploys, and is told why they may not delete."""

import pytest
from playwright.sync_api import expect

from tests.support.visitor import PASSWORD

pytestmark = [pytest.mark.engine, pytest.mark.browser]


def test_an_invited_developer_signs_up_deploys_and_may_not_delete(page, browser, system):
    page.goto("/t/acme/members/")
    page.get_by_role("link", name="Invite", exact=True).click()
    page.get_by_label("E-mail").fill("dora@example.com")
    page.get_by_role("radio", name="Developer").check()
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("heading", name="dora@example.com is invited")).to_be_visible()
    link = page.locator("#invitation-link").inner_text()

    with browser.new_context(base_url=system.base_url) as context:
        dora = context.new_page()
        dora.goto(link)
        expect(dora.get_by_text("as developer")).to_be_visible()
        dora.get_by_label("Your name").fill("Dora")
        dora.get_by_label("Password").fill(PASSWORD)
        dora.get_by_role("button", name="Make my account and accept").click()
        dora.wait_for_url("**/t/acme/")
        expect(dora.get_by_text("You are in Acme Ltd now, as developer.")).to_be_visible()

        dora.goto("/t/acme/new/")
        dora.get_by_role("button", name="Sample application").click()
        expect(dora.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
        dora.locator("main").get_by_role("link", name="Open sample").click()
        dora.wait_for_url("**/applications/sample*/")
        dora.goto(f"{dora.url}delete/")
        expect(dora.get_by_text("which does not include “delete”. An owner or admin can")).to_be_visible()
        dora.get_by_role("link", name="What you can do here").click()
        expect(dora.get_by_role("row", name="Delete applications with their data")).to_contain_text("not as developer")

        page.goto("/t/acme/members/")
        page.get_by_role("link", name="Dora").click()
        page.get_by_role("link", name="Remove").click()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("dora@example.com is not a member any more.")).to_be_visible()
        assert dora.goto("/t/acme/").status == 404

    assert page.goto(link).status == 404
