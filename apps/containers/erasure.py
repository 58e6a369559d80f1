"""The end of a tenant: everything of it goes, from the engines first, and a report says what went and what is left."""

from collections import Counter
from datetime import timedelta
from typing import Final

from django.apps import apps
from django.db import transaction
from django.utils import timezone

from apps.audit.models import Event
from apps.audit.services import record
from apps.containers.models import Container
from apps.containers.rollout import remove_from_engine
from apps.core.doorbell import ring
from apps.core.errors import PanelError
from apps.networking.services import release_domain
from apps.nodes.engines import engine_for
from apps.nodes.models import Node
from apps.nodes.services import installation
from apps.operations.run import Run
from apps.quotas.ledger import close_account, release
from apps.tenants.models import RetiredSlug, Tenant

#: How long nobody gets the short name of a deleted tenant.
SLUG_RESTS: Final = timedelta(days=90)
#: Names that a step shows; more are only counted.
_SHOWN: Final = 20


class LeftAtEngine(PanelError):
    """Something carries the label of a tenant that is no more, but had no row: people must find out whose it is."""

    code = "left-at-engine"


def erase_tenant(run: Run, tenant: Tenant) -> None:
    """Remove all of it, and report. Raises LeftAtEngine, after the rest is done, for what no row of ours named."""
    run.step("containers", may_cancel=False)
    containers = Container.objects.filter(application__tenant=tenant).select_related("application__node")
    ours = installation()
    for container in containers:
        remove_from_engine(engine_for(container.application.node), container, ours)
    run.progress(detail=_names([container.name for container in containers]))
    run.step("networks", may_cancel=False)
    networks = tenant.networks.select_related("node")
    for network in networks:
        engine_for(network.node).remove_network(network.name)
    run.progress(detail=_names([network.name for network in networks]))
    run.step("volumes", may_cancel=False)
    volumes = tenant.volumes.select_related("node")
    for volume in volumes:
        engine_for(volume.node).remove_volume(volume.name)
    run.progress(detail=_names([volume.name for volume in volumes]))
    run.step("proof", may_cancel=False)
    left = [name for node in Node.objects.all() for name in engine_for(node).names_of_tenant(ours.label, tenant.pk)]
    run.progress(detail=_names(left, none="Nothing left: no container, network or volume carries the tenant's label."))
    run.step("rows", may_cancel=False)
    run.progress(detail=_forget(run, tenant, left))
    if left:
        raise LeftAtEngine(
            f"{tenant.name} is deleted, but the engine has something with its label that Berth did not know and leaves "
            f"alone: {_names(left)}. See whose it is, and remove it by hand."
        )


def repeat_report(run: Run) -> None:
    """What an attempt told that was lost between its last write and its end."""
    event = Event.objects.filter(action="tenant.erase", operation_id=run.operation.pk).first()
    run.step("rows", may_cancel=False)
    run.progress(detail=event.data["message"] if event else "The tenant is not there any more.")


@transaction.atomic
def _forget(run: Run, tenant: Tenant, left: list[str]) -> str:
    """Delete every row of the tenant but the audit log's, and write the report there; returns it."""
    run.check(now=True)
    removed: Counter[str] = Counter()
    for domain in tenant.domains.all():
        release_domain(domain)
        removed[domain._meta.label] += 1
    for application in tenant.applications.all():
        release(application.topic)
    close_account(tenant.account)
    for rows in (tenant.applications, tenant.volumes, tenant.networks):
        removed.update(rows.all().delete()[1])
    RetiredSlug.objects.update_or_create(slug=tenant.slug, defaults={"free_at": timezone.now() + SLUG_RESTS})
    subject = Tenant(pk=tenant.pk, name=tenant.name)
    removed.update(tenant.delete()[1])
    went = ", ".join(_count(label, number) for label, number in sorted(removed.items()))
    at_engine = f"still has {_names(left)}" if left else "has nothing left of it"
    report = f"Removed: {went}. The engine {at_engine}."
    record(
        "tenant.erase",
        actor=run.operation.actor,
        tenant=subject,
        target=subject,
        operation_id=run.operation.pk,
        message=report,
        removed=removed,
        left=left,
    )
    ring(subject.topic)
    return report


def _count(label: str, number: int) -> str:
    words = apps.get_model(label)._meta
    return f"{number} {words.verbose_name if number == 1 else words.verbose_name_plural}"


def _names(names: list[str], *, none: str = "There were none.") -> str:
    if not names:
        return none
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)}: {', '.join(names[:_SHOWN])}{more}"
