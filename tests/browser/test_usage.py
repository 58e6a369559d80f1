"""What was used is drawn, told under the pointer, and taken away as a file."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import VIEWER
from tests.support.system import System

pytestmark = [pytest.mark.engine, pytest.mark.browser]

#: Three hours of one core, of an application that is deleted.
SEED = """
from django.utils import timezone
from apps.metrics.amounts import Amount, hour_of
from apps.metrics import ledger
from apps.metrics.ledger import Owner
from apps.tenants.models import Tenant
now, owner = hour_of(timezone.now()), Owner(Tenant.objects.get(slug="acme").pk, 999_999, "batch")
ledger.add({(owner, now - ago): Amount(cpu_ms=3_600_000) for ago in (2, 3, 4)})
"""
SAMPLE = """
from apps.metrics.sampling import measure_disk, sample_usage
from apps.nodes.services import local_node
sample_usage(local_node()); measure_disk(local_node())
"""

PAINTED = """canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = new Set();
  for (let at = 0; at < pixels.length; at += 4) colours.add(pixels.slice(at, at + 4).join());
  return colours.size;
}"""


def graph(page: Page, of: str):
    return page.locator(f"[data-graph-of={of}]")


def test_usage_is_drawn_told_and_exported(page: Page, sign_in, system: System, tmp_path: Path):
    page.goto("/t/acme/new/")
    page.get_by_role("button", name="Sample application").click()
    expect(page.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    system.manage("shell", "-v", "0", "-c", SEED)
    system.manage("shell", "-v", "0", "-c", SAMPLE)

    vera = sign_in(VIEWER)
    vera.get_by_role("link", name="Usage").click()
    expect(vera.locator("#usage-now")).to_contain_text("iB")
    expect(vera.locator("main")).to_contain_text("3 CPU hours")
    for of in ("cpu", "memory", "egress", "disk"):
        expect(graph(vera, of).locator("canvas")).to_be_visible()
    assert graph(vera, "cpu").locator("canvas").evaluate(PAINTED) > 3
    box = graph(vera, "cpu").locator(".u-over").bounding_box()
    assert box is not None
    vera.mouse.move(box["x"] + box["width"] * 20.5 / 24, box["y"] + box["height"] / 2)
    expect(graph(vera, "cpu")).to_contain_text("UTC: 1 core")
    expect(graph(vera, "memory")).to_contain_text("UTC: 0 B")

    vera.get_by_text("The same as a table").click()
    expect(vera.get_by_role("table").first).to_contain_text("1 CPU hour")
    with vera.expect_download() as waiting:
        vera.get_by_role("link", name="CSV").click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    hours = [row for row in csv.DictReader(file.open()) if row["application"] == "batch"]
    assert [float(row["cpu_seconds"]) for row in hours] == [3600, 3600, 3600]

    vera.get_by_role("link", name="12 months").click()
    expect(graph(vera, "cpu").locator("canvas")).to_be_visible()
    page.goto("/console/usage/")
    expect(page.get_by_role("cell", name="Acme Ltd")).to_be_visible()
    expect(graph(page, "cpu").locator("canvas")).to_be_visible()
