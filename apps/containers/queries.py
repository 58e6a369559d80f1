"""Reads that span relations. Lists take the same number of queries whatever their length."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, Prefetch, QuerySet

from apps.audit.queries import events_of_tenant
from apps.containers.models import Application, Attachment, Container, Release, Variable
from apps.containers.needs import Needs, use_now, use_of
from apps.containers.status import Status, Word, status_of
from apps.core.errors import NotFound
from apps.engine.spec import MIB, ServiceSpec
from apps.engine.types import ALIVE, ContainerState
from apps.networking.services import address_of
from apps.operations.models import OPEN_STATES, Operation
from apps.operations.plans import planned_steps
from apps.quotas.queries import lines
from apps.quotas.resources import Resource
from apps.tenants.access import Access
from apps.tenants.models import Tenant
from apps.tenants.permissions import Permission


@dataclass(frozen=True, slots=True)
class Row:
    """One application as lists and headers show it."""

    application: Application
    container: Container | None
    status: Status
    url: str
    release_number: int | None
    reference: str
    memory_bytes: int
    cpu_millis: int
    deployed_at: datetime | None
    deployed_by: str


def with_rows(applications: QuerySet[Application]) -> list[Row]:
    """Rows of these applications, in three queries."""
    live = Container.objects.filter(release=F("application__release"))
    found = list(
        applications.select_related("tenant", "node", "domain", "release").prefetch_related(
            Prefetch("containers", queryset=live, to_attr="live_containers")
        )
    )
    operations = open_operations(found)
    return [_row(application, operations.get(application.topic)) for application in found]


def row_of(application: Application) -> Row:
    return with_rows(Application.objects.filter(pk=application.pk))[0]


def open_operations(applications: Iterable[Application]) -> dict[str, Operation]:
    """The operation that runs (or else waits) for each application, by its topic."""
    targets = [application.topic for application in applications]
    found = Operation.objects.select_related("tenant").filter(target__in=targets, state__in=OPEN_STATES).order_by("-id")
    return {operation.target: operation for operation in found}


def _row(application: Application, operation: Operation | None) -> Row:
    containers: list[Container] = application.live_containers  # type: ignore[attr-defined]  # prefetched above
    container = containers[0] if containers else None
    release = application.release
    spec = application.spec  # parsed at each look
    return Row(
        application=application,
        container=container,
        status=status_of(application, container, operation),
        url=address_of(application.domain.host) if application.domain else "",
        release_number=release.number if release else None,
        reference=spec.image,
        memory_bytes=spec.memory_bytes,
        cpu_millis=spec.cpu_millis,
        deployed_at=release.created_at if release else None,
        deployed_by=release.created_by_label if release else "",
    )


@dataclass(frozen=True, slots=True)
class LogSource:
    """A container whose lines the log view shows; `label` is the service and its number, as `web-1`."""

    container_id: str
    label: str
    release: int
    is_running: bool
    node_url: str


@dataclass(frozen=True, slots=True)
class LogSources:
    application_id: int
    containers: tuple[LogSource, ...]


def log_sources(tenant: Tenant, slug: str) -> LogSources:
    """The containers of an application that an engine still holds, oldest first; NotFound for a stranger's."""
    application = tenant.applications.select_related("node").filter(slug=slug).first()
    if application is None:
        raise NotFound("There is no such application.")
    containers = (
        application.containers.select_related("release")
        .exclude(engine_id="")
        .exclude(state=ContainerState.GONE)
        .order_by("id")
    )
    return LogSources(
        application.pk,
        tuple(
            LogSource(
                container_id=container.engine_id,
                label=f"{container.service}-1",
                release=container.release.number,
                is_running=container.state == ContainerState.RUNNING,
                node_url=application.node.url,
            )
            for container in containers
        ),
    )


def topic_is_visible(access: Access, topic: str) -> bool:
    """Whether a page of this member may listen to the topic."""
    kind, _, number = topic.partition(":")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return False
    tenant = access.tenant
    match kind:
        case "tenant":
            return int(number) == tenant.pk
        case "application":
            return access.narrow(tenant.applications.filter(pk=number), Permission.VIEW).exists()
        case "operation":
            operations = tenant.operations.filter(pk=number)
            return access.narrow(operations, Permission.VIEW, application="application_id").exists()
    return False


def releases_of(application: Application) -> QuerySet[Release]:
    return application.releases.select_related("image", "operation", "operation__tenant")


def detail(application: Application) -> dict[str, Any]:
    """What every page of one application shows."""
    row = row_of(application)
    operation = Operation.objects.select_related("tenant").filter(target=application.topic).order_by("-id").first()
    return {
        "application": row.application,
        "row": row,
        "container": row.container,
        "release": row.application.release,
        "operation": operation,
        "planned": planned_steps(operation) if operation else [],
        "attachments": list(application.attachments.select_related("volume")),
    }


def overview(access: Access) -> dict[str, Any]:
    """Counts by status, the latest applications, operations and events: of those that this member may see."""
    tenant = access.tenant
    applications = access.narrow(tenant.applications.order_by("-release__created_at", "-id"), Permission.VIEW)
    operations = access.narrow(
        tenant.operations.select_related("tenant"), Permission.VIEW, application="application_id"
    )
    rows = with_rows(applications)
    words = Counter(row.status.word for row in rows)
    return {
        "summary": {
            "total": len(rows),
            "running": words[Word.RUNNING],
            "stopped": words[Word.STOPPED] + words[Word.SUSPENDED],
            "crashed": words[Word.CRASHED] + words[Word.UNHEALTHY],
            "unknown": words[Word.UNKNOWN],
        },
        "rows": rows[:6],
        "quota": lines(tenant.account) if access.allows(Permission.VIEW) else [],
        "operations": list(operations[:8]),
        "events": list(events_of_tenant(tenant.pk)[:8]) if access.allows(Permission.AUDIT) else [],
    }


def quota_for_new(tenant: Tenant, needs: Needs) -> dict[str, Any]:
    """The tenant's quota, and what would be left of it after a new application of this size."""
    return {"quota": lines(tenant.account, needs + Counter({Resource.APPLICATIONS: 1}))}


def quota_for_change(application: Application, needs: Needs) -> dict[str, Any]:
    """The same after the application's containers took this; `fits` says whether, and by which way of changing over."""
    now = use_now(application)
    change = Counter(needs)
    change.subtract(now)
    after = lines(application.tenant.account, change)
    is_tight = any(line.is_over for line in lines(application.tenant.account, needs))
    return {"quota": after, "needs_recreate": is_tight and not any(line.is_over for line in after)}


def may_recreate(application: Application, spec: ServiceSpec) -> bool:
    """Whether there is room for the specification once what runs now has given way."""
    change = use_of(spec) - use_now(application)
    accounts = (application.tenant.account, application.node.account)
    return bool(use_now(application)) and not any(
        line.is_over for account in accounts for line in lines(account, change)
    )


def sizes_of(tenant: Tenant) -> list[tuple[str, int, Decimal]]:
    """What the tenant's plan offers by one click: name, MiB of memory, cores."""
    return [
        (size["name"], size["memory_bytes"] // MIB, Decimal(size["cpu_millis"]) / 1000) for size in tenant.plan.sizes
    ]


def what_goes(application: Application) -> list[str]:
    """What deleting the application takes with it, in words."""
    goes = [f"Container {container.name}" for container in application.containers.all()]
    goes += [f"Volume at {attachment.target}, with all its data" for attachment in application.attachments.all()]
    goes += [_count(application.releases.count(), "release"), _count(application.variables.count(), "variable")]
    goes += [f"The private network {application.network.subnet}"]
    if application.domain:
        goes += [f"The address {application.domain.host}"]
    return goes


def what_stops(tenant: Tenant) -> list[str]:
    """The applications that halting the tenant stops, in words."""
    alive = Container.objects.filter(application__tenant=tenant, state__in=ALIVE)
    slugs = alive.order_by("application__slug").values_list("application__slug", "application__domain__host").distinct()
    return [f"{slug}, at {host}" if host else slug for slug, host in slugs]


def what_goes_with(tenant: Tenant) -> list[str]:
    """What deleting the tenant takes with it, in words."""
    attachments = Attachment.objects.filter(application__tenant=tenant).select_related("application")
    goes = [f"Application {application.slug}" for application in tenant.applications.all()]
    goes += [f"Volume at {each.target} of {each.application.slug}, with all its data" for each in attachments]
    goes += [f"The address {host}" for host in tenant.domains.order_by("host").values_list("host", flat=True)]
    releases = Release.objects.filter(application__tenant=tenant).count()
    variables = Variable.objects.filter(application__tenant=tenant).count()
    members = tenant.memberships.count()
    goes += [_count(releases, "release"), _count(variables, "variable"), _count(tenant.operations.count(), "operation")]
    return [*goes, f"The access of {_count(members, 'member')} (their accounts stay)"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def variable_names(application: Application) -> list[str]:
    return list(application.variables.values_list("name", flat=True))


def application_names(tenant: Tenant) -> dict[int, str]:
    """Named by the setting `APPLICATION_NAMES`, for pages of apps below that say on what somebody has a grant."""
    return dict(tenant.applications.values_list("pk", "slug"))


def free_slug(tenant: Tenant, wanted: str) -> str:
    """`wanted`, or `wanted-2` and so on: the first that the tenant has not."""
    taken = set(tenant.applications.filter(slug__startswith=wanted).values_list("slug", flat=True))
    candidates = (wanted if number == 1 else f"{wanted}-{number}" for number in itertools.count(1))
    return next(candidate for candidate in candidates if candidate not in taken)
