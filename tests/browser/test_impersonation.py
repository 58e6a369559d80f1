"""An operator looks at a tenant through a member, in a real browser: one always sees that, and it ends by itself."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OPERATOR, VIEWER
from tests.support.system import System

pytestmark = [pytest.mark.engine, pytest.mark.browser]

#: A tenant that is not the operator's.
ADD_TENANT = f"""
from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.tenants.services import create_tenant
create_tenant("Globex", "globex", owner=User.objects.get(email={VIEWER!r}), actor=SYSTEM)
"""
END_THE_TIME = """
from django.utils import timezone
from apps.tenants.models import Impersonation
Impersonation.objects.update(ends_at=timezone.now())
"""


@pytest.fixture(scope="module")
def globex(system: System) -> None:
    system.manage("shell", "-v", "0", "-c", ADD_TENANT)


def look_through_vera(page: Page) -> None:
    page.goto("/console/tenants/")
    page.get_by_label("Find a tenant").fill("glob")
    expect(page.get_by_role("link", name="Acme Ltd")).to_have_count(0)
    page.get_by_role("link", name="Globex").click()
    page.get_by_role("link", name="Look through a member").click()
    page.get_by_label("Look through").select_option(label=f"{VIEWER} · owner")
    page.get_by_label("Reason").fill("Ticket 4711: their deploys fail")
    page.get_by_role("button", name="Look for 30 minutes").click()
    page.wait_for_url("**/t/globex/")


def test_a_banner_says_who_looks_as_whom_on_every_page_until_it_is_ended(page, sign_in, globex):
    look_through_vera(page)
    banner = page.locator("#impersonation")
    for path in ("/t/globex/", "/t/globex/applications/", "/t/globex/new/", "/console/", "/t/acme/"):
        page.goto(path)
        for words in (OPERATOR, VIEWER, "Globex", "Ticket 4711: their deploys fail", "29 min"):
            expect(banner).to_contain_text(words)
    banner.get_by_role("link", name="Globex").click()
    banner.get_by_role("button", name="End now").click()
    expect(page.get_by_role("heading", name="Globex")).to_be_visible()
    expect(banner).to_have_count(0)

    vera = sign_in(VIEWER)
    vera.goto("/t/globex/activity/")
    expect(vera.get_by_text("Began to look through").first).to_be_visible()
    expect(vera.get_by_text("Ticket 4711").first).to_be_visible()
    expect(vera.get_by_text("Ended looking through").first).to_be_visible()


def test_an_open_page_says_by_itself_that_the_time_is_over(page, system, globex):
    look_through_vera(page)
    system.manage("shell", "-v", "0", "-c", END_THE_TIME)
    expect(page.get_by_text("your time was over")).to_be_visible(timeout=10_000)
    expect(page.locator("#impersonation")).to_have_count(0)


def test_a_suspension_is_said_on_an_open_page_of_a_member_with_its_reason(page, sign_in, globex):
    vera = sign_in(VIEWER)
    vera.goto("/t/globex/")
    expect(vera.get_by_role("link", name="New application").first).to_be_visible()
    page.goto("/console/tenants/?q=globex")
    page.get_by_role("link", name="Globex").click()
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Reason").fill("Unpaid since May")
    page.get_by_role("button", name="Suspend").click()
    expect(vera.locator("#halted")).to_contain_text("suspended by the operator since")
    expect(vera.locator("#halted")).to_contain_text("Unpaid since May")
    page.get_by_role("button", name="Resume").click()
    expect(vera.locator("#halted")).not_to_contain_text("suspended")
