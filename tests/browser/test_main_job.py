"""Type an image into the browser, see it run, with its logs live on the page."""

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from redis import Redis

from tests.browser.conftest import VIEWER, docker
from tests.support.system import System

pytestmark = [pytest.mark.engine, pytest.mark.browser]


def deploy(page: Page, image: str, name: str, **fields: str) -> None:
    """Fill in the form and deploy; ends on the operation's page."""
    page.goto("/t/acme/new/image/")
    page.get_by_label("Image").fill(image)
    page.get_by_label("Name").fill(name)
    for label, value in ({"Port": "8080"} | fields).items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Deploy").click()
    page.wait_for_url("**/operations/*/")


def header(page: Page) -> Locator:
    return page.locator("#application-header")


def expect_word(page: Page, word: str) -> None:
    """The status in the header, without any reload."""
    expect(header(page).get_by_text(word, exact=True)).to_be_visible(timeout=10_000)


def visit(system: System, host: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{system.apps_port}/", headers={"Host": host})


def test_an_image_runs_and_whatever_happens_to_it_is_on_the_open_page(page, system, httpd, container_of):
    deploy(page, httpd, "web", Variables="GREETING=hello")
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="web", exact=True).first.click()
    expect_word(page, "Running")
    assert visit(system, "web--acme.localhost").text == "version 1\n"

    docker("kill", container_of("web"))
    expect_word(page, "Crashed")
    expect(header(page).get_by_text("exit 137")).to_be_visible()
    assert visit(system, "web--acme.localhost").status_code == 503
    docker("start", container_of("web"))
    expect_word(page, "Running")
    docker("stop", container_of("web"))
    expect_word(page, "Stopped")


def test_the_sample_is_one_click_and_its_logs_and_figures_are_live(page):
    page.goto("/t/acme/new/")
    page.get_by_role("button", name="Sample application").click()
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Open sample").click()
    expect(page.locator("[data-stat=memory]")).to_contain_text("iB", timeout=10_000)
    expect(page.get_by_text("Sample application started")).to_be_visible(timeout=10_000)
    expect(page.get_by_text("Heartbeat 2")).to_be_visible(timeout=20_000)


def test_an_application_is_stopped_started_restarted_killed_changed_and_deleted(page, system, httpd):
    deploy(page, httpd, "life")
    page.get_by_role("link", name="Open life").click()
    expect_word(page, "Running")
    header(page).get_by_role("button", name="Stop").click()
    expect_word(page, "Stopped")
    assert visit(system, "life--acme.localhost").status_code == 503
    header(page).get_by_role("button", name="Start").click()
    expect_word(page, "Running")
    header(page).get_by_role("button", name="Restart").click()
    expect_word(page, "Running")

    page.get_by_role("link", name="Variables").click()
    page.get_by_role("link", name="Add variables").click()
    page.get_by_label("Variables").fill("COLOUR=blue")
    page.get_by_role("button", name="Save and deploy").click()
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Open life").click()
    expect(header(page).get_by_text("release 2")).to_be_visible()

    header(page).get_by_role("button", name="More").click()
    page.get_by_role("button", name="Kill").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Kill").click()
    expect_word(page, "Stopped")
    expect(header(page).get_by_text("exit 137")).to_be_visible()

    page.goto("/t/acme/applications/life/delete/")
    expect(page.get_by_text("life--acme.localhost").last).to_be_visible()
    page.get_by_label("Name").fill("life")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    assert visit(system, "life--acme.localhost").status_code == 404
    page.goto("/t/acme/activity/")
    expect(page.get_by_text("Asked to delete the application")).to_be_visible()


def test_a_failed_deploy_says_why_and_what_to_do(page, httpd):
    deploy(page, httpd, "broken", Command="sh -c 'echo no luck; exit 3'")
    expect(page.get_by_text("exit code 3")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("no luck")).to_be_visible()


def test_input_outside_the_rules_marks_the_field_and_keeps_what_was_typed(page):
    page.goto("/t/acme/new/image/")
    page.get_by_label("Image").fill("nginx:1.27")
    page.get_by_label("Name").fill("Not A Name")
    page.get_by_label("Variables").fill("KEEP=this")
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_text("“Not A Name” does not")).to_be_visible()
    expect(page.get_by_label("Variables")).to_have_value("KEEP=this")


def test_a_viewer_sees_everything_live_and_can_change_nothing(page, sign_in, httpd, container_of):
    deploy(page, httpd, "seen")
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    vera = sign_in(VIEWER)
    vera.goto("/t/acme/applications/seen/")
    expect_word(vera, "Running")
    expect(vera.get_by_role("button", name="Redeploy")).to_have_count(0)
    expect(vera.get_by_role("button", name="Stop")).to_have_count(0)
    docker("kill", container_of("seen"))
    expect_word(vera, "Crashed")


def test_an_operation_can_be_watched_from_a_second_sign_in(page, sign_in, registry):
    image = registry.push("berth-test/silent:1", "shop/silent:1")
    deploy(page, image, "slow", Port="9000")
    other = sign_in()
    other.goto(page.url)
    for window in (page, other):
        expect(window.get_by_text("Wait for an answer")).to_be_visible()
    other.get_by_role("button", name="Cancel").first.click()
    for window in (page, other):
        expect(window.get_by_text("Cancelled").first).to_be_visible(timeout=15_000)


def test_a_page_opened_while_redis_is_away_says_that_live_updates_pause(page, system):
    redis = Redis(unix_socket_path=str(system.data_dir / "run" / "redis.sock"))
    notice = page.get_by_text("Live updates pause")
    redis.execute_command("CLIENT", "PAUSE", 60_000, "ALL")
    try:
        expect(notice).to_be_visible(timeout=15_000)
        page.goto("/t/acme/")
        expect(notice).to_be_visible(timeout=15_000)
    finally:
        redis.execute_command("CLIENT", "UNPAUSE")
    expect(notice).to_be_hidden(timeout=15_000)
