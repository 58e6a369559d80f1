"""How soon a page shows what happened at the engine, and what lists cost: of applications, members, tenants."""

import math
import time

import docker
from playwright.sync_api import Page, expect, sync_playwright

from panel.preparation import LOCAL_ENGINE
from tests.bench.deploys import await_quiet
from tests.browser.conftest import ARGUMENTS, CHROMIUM, set_up
from tests.support.system import System, running_system
from tests.support.visitor import Visitor

EVENTS = 20
APPLICATIONS = 1_000
VIEWS = 60

#: Keeps the moment (ms since the epoch) at which the header first shows each status word.
WATCH_WORD = """
window.moments = {};
new MutationObserver(() => {
  const word = document.querySelector("#application-header [data-status-word]")?.textContent ?? "";
  for (const known of ["Crashed", "Running"]) {
    if (word.includes(known) && !window.moments[known]) window.moments[known] = Date.now();
  }
}).observe(document.body, { childList: true, subtree: true, characterData: true });
"""

SEED = f"""
from apps.containers.models import Application, Container, Release
from apps.networking.models import Domain, Network
from apps.nodes.services import local_node
from apps.tenants.models import Tenant
from ipaddress import IPv4Network
tenant, node = Tenant.objects.get(), local_node()
spec = Application.objects.get().spec_data
subnets = IPv4Network("10.216.0.0/14").subnets(new_prefix=26)
for number in range({APPLICATIONS}):
    application = Application.objects.create(
        tenant=tenant, node=node, slug=f"app-{{number}}", spec_data=spec,
        network=Network.objects.create(tenant=tenant, node=node, subnet=str(next(subnets))),
        domain=Domain.objects.create(tenant=tenant, host=f"app-{{number}}--acme.localhost"),
    )
    release = Release.objects.create(application=application, number=1, spec_data=spec, created_by_label="bench")
    Application.objects.filter(pk=application.pk).update(release=release)
    Container.objects.create(
        application=application, release=release, name=f"seeded-{{number}}", address="10.216.0.2", state="running"
    )
"""

COUNTS = (10, 10_000)

#: Fills acme with members up to a number.
FILL_MEMBERS = """
from apps.tenants.models import Membership
tenant = Tenant.objects.get()
first, count = User.objects.count(), {count} - tenant.memberships.count()
users = User.objects.bulk_create(
    User(email=f"member-{{number}}@example.com", name=f"Member {{number}}") for number in range(first, first + count)
)
Membership.objects.bulk_create(Membership(tenant=tenant, user=user, role="viewer") for user in users)
"""

#: Fills the installation with tenants up to a number.
FILL_TENANTS = """
from apps.tenants.plans import default_plan
plan, first = default_plan(), Tenant.objects.count()
Tenant.objects.bulk_create(
    Tenant(slug=f"tenant-{{number}}", name=f"Tenant {{number}}", plan=plan) for number in range(first, {count})
)
"""

#: Prints how many queries a page takes when it is opened again, by the operator, who owns acme.
COUNT_QUERIES = """
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from apps.accounts.models import User
from apps.tenants.models import Tenant
{fill}
client = Client(headers={{"host": settings.ENVIRONMENT.host}})
client.force_login(User.objects.get(is_operator=True))
client.get("{path}")
with CaptureQueriesContext(connection) as queries:
    assert client.get("{path}").status_code == 200
print(len(queries))
"""


def run() -> dict[str, float]:
    with running_system() as system, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(base_url=system.base_url).new_page()
        set_up(page, system.setup_link)
        figures = measure_events(system, page)
        cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
        browser.close()
        visitor = Visitor(system.base_url, cookies)
        figures |= measure_list(system, visitor)
        figures |= measure_filled(system, visitor, "members", "/t/acme/members/", FILL_MEMBERS)
        figures |= measure_filled(system, visitor, "tenants", "/console/tenants/", FILL_TENANTS)
    return figures


def measure_events(system: System, page: Page) -> dict[str, float]:
    """`docker kill` until the word on the open page has changed."""
    page.goto("/t/acme/new/")
    page.get_by_role("button", name="Sample application").click()
    await_quiet(system)
    page.goto("/t/acme/applications/sample/")
    header = page.locator("#application-header")
    engine = docker.APIClient(base_url=LOCAL_ENGINE, version="1.41")
    (container,) = engine.containers(filters={"label": "berth.service", "status": "running"}, latest=True)
    delays = []
    for _ in range(EVENTS):
        expect(header.get_by_text("Running", exact=True)).to_be_visible(timeout=10_000)
        time.sleep(0.5)
        page.evaluate(WATCH_WORD)
        began = time.time()
        engine.kill(container["Id"])
        expect(header.get_by_text("Crashed", exact=True)).to_be_visible(timeout=10_000)
        delays.append(page.evaluate("window.moments.Crashed") - began * 1000)
        engine.start(container["Id"])
    return {"event_to_page_p50_ms": percentile(delays, 50), "event_to_page_p95_ms": percentile(delays, 95)}


def measure_list(system: System, visitor: Visitor) -> dict[str, float]:
    system.manage("shell", "-v", "0", "-c", SEED)
    durations = view(visitor, "/t/acme/applications/", pages=20)
    return {
        "applications_page_p50_ms": percentile(durations, 50),
        "applications_page_p95_ms": percentile(durations, 95),
    }


def measure_filled(system: System, visitor: Visitor, name: str, path: str, fill: str) -> dict[str, float]:
    """What a list costs with few rows, and with many."""
    figures: dict[str, float] = {}
    for count in COUNTS:
        code = COUNT_QUERIES.format(path=path, fill=fill.format(count=count))
        figures[f"{name}_page_queries_{count}"] = float(system.manage("shell", "-v", "0", "-c", code).split()[-1])
        durations = view(visitor, path, pages=max(1, count // 50))
        figures[f"{name}_page_p95_ms_{count}"] = percentile(durations, 95)
    return figures


def view(visitor: Visitor, path: str, *, pages: int) -> list[float]:
    """The milliseconds that each of many views took, one page of the list after the other."""
    durations = []
    for number in range(VIEWS):
        began = time.perf_counter()
        answer = visitor.get(f"{path}?page={number % pages + 1}")
        durations.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200
    return durations


def percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]
