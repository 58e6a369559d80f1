"""The log view in a real browser, on containers that write."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import docker
from tests.browser.test_main_job import deploy

pytestmark = [pytest.mark.engine, pytest.mark.browser]

COUNTER = "sh -c 'i=0; while true; do i=$((i+1)); echo \"line $i\"; sleep 0.05; done'"


def open_logs(page: Page, image: str, name: str, command: str) -> Locator:
    deploy(page, image, name, Port="", Command=command)
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    page.goto(f"/t/acme/applications/{name}/logs/")
    return page.locator("[data-log-lines]")


def test_it_follows_until_one_scrolls_up_and_then_counts_what_is_new(page, httpd):
    lines = open_logs(page, httpd, "counter", COUNTER)
    expect(lines.get_by_text("line 60", exact=True)).to_be_visible(timeout=15_000)
    lines.evaluate("box => { box.scrollTop = 0; }")
    pill = page.locator("[data-log-pill]")
    expect(pill).to_contain_text("new line", timeout=10_000)
    held = lines.evaluate("box => box.scrollTop")
    expect(pill).to_have_text(re.compile(r"\d\d new lines"), timeout=10_000)
    assert lines.evaluate("box => box.scrollTop") == held, "a page that is read holds still"
    pill.click()
    expect(pill).to_be_hidden()


def test_it_searches_pauses_and_downloads_what_is_loaded(page, httpd):
    lines = open_logs(page, httpd, "searched", COUNTER)
    expect(lines.get_by_text("line 20", exact=True)).to_be_visible(timeout=15_000)
    page.locator("[data-log-pause]").click()
    page.locator("[data-log-search]").fill("line 7")
    expect(page.locator("[data-log-matches]")).to_have_text(re.compile(r"[1-9]\d* match"))
    with page.expect_download() as download:
        page.locator("[data-log-download]").click()
    assert "line 7\n" in download.value.path().read_text()


def test_a_connection_that_is_lost_heals_without_gap_or_duplicate(page, httpd):
    lines = open_logs(page, httpd, "healing", COUNTER)
    expect(lines.get_by_text("line 20", exact=True)).to_be_visible(timeout=15_000)
    page.context.set_offline(True)
    page.wait_for_timeout(3_000)
    page.context.set_offline(False)
    expect(lines.get_by_text("line 150", exact=True)).to_be_visible(timeout=30_000)
    numbers = [int(text.rpartition(" ")[2]) for text in lines.inner_text().splitlines() if "line " in text]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.fixture
def _flood_ends(container_of):
    """Its log would keep the engine busy, and slow whatever else is tested, until the end of the session."""
    yield
    docker("kill", container_of("flood"))


@pytest.mark.usefixtures("_flood_ends")
def test_a_container_that_writes_as_fast_as_it_can_drops_visibly_and_leaves_the_page_alive(page, registry):
    image = registry.push("berth-test/yes:1", "shop/yes:1")
    lines = open_logs(page, image, "flood", "")
    expect(lines.get_by_text("dropped").first).to_be_visible(timeout=20_000)
    page.wait_for_timeout(3_000)
    assert lines.locator("> *").count() < 12_000, "the page is bounded"
    page.get_by_role("navigation", name="flood").get_by_role("link", name="Settings").click()
    expect(page.get_by_text("Delete this application")).to_be_visible(timeout=5_000)


def test_a_new_release_appears_on_an_open_log(page, sign_in, httpd):
    lines = open_logs(page, httpd, "renewed", COUNTER)
    expect(lines.get_by_text("line 5", exact=True)).to_be_visible(timeout=15_000)
    other = sign_in()
    other.goto("/t/acme/applications/renewed/")
    other.locator("#application-header").get_by_role("button", name="Redeploy").click()
    expect(lines.get_by_text("release 2").first).to_be_visible(timeout=20_000)


def test_colours_become_classes_and_markup_stays_text(page, httpd):
    command = "sh -c 'printf \"\\033[31mred\\033[0m <b>plain</b>\\n\"; sleep 600'"
    lines = open_logs(page, httpd, "coloured", command)
    expect(lines.get_by_text("<b>plain</b>")).to_be_visible(timeout=15_000)
    assert lines.get_by_text("red", exact=True).get_attribute("class")
    assert lines.locator("b").count() == 0
