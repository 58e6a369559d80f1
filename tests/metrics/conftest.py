import subprocess
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from apps.containers.models import Application
from apps.engine.types import ContainerSample
from apps.metrics.amounts import NAMES, Amount
from apps.metrics.ledger import Owner
from apps.metrics.models import UsageDay, UsageHour
from apps.metrics.queries import amount_of
from apps.nodes.services import local_node, mark_seen
from apps.tenants.models import Tenant
from tests.factories import latest_operation, make_application, make_spec

#: Half past ten, on the engine's clock.
HALF_PAST_TEN = datetime(2026, 3, 14, 10, 30, tzinfo=UTC)

BUSY = ("sh", "-c", "while :; do :; done")


@pytest.fixture
def start(settle, images) -> Callable[..., Application]:
    """Deploy an application without a port, so that no proxy is needed, and wait until it runs."""

    def start(tenant: Tenant, slug: str = "shop", command: tuple[str, ...] = (), **fields) -> Application:
        mark_seen(local_node())
        spec = make_spec(**({"image": "berth.internal/httpd:1", "port": None, "command": command} | fields))
        application = make_application(tenant, slug, spec)
        settle(latest_operation(application))
        application.refresh_from_db()
        assert application.release is not None
        return application

    return start


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True)


def used(**narrowed: object) -> Amount:
    """Everything that has been counted, added up: by its hours, as by its days."""
    hours, days = (
        sum((amount_of(row) for row in rows.filter(**narrowed).values(*NAMES)), Amount())
        for rows in (UsageHour.objects.all(), UsageDay.objects.all())
    )
    assert hours == days
    return hours


def owner_of(tenant: Tenant, application_id: int = 7, slug: str = "shop") -> Owner:
    return Owner(tenant.pk, application_id, slug)


def sample(at: datetime, started_at: datetime, *, cpu_ms: int = 0, sent: int = 0, memory: int = 0) -> ContainerSample:
    return ContainerSample(at, started_at, cpu_ms, sent, memory)
