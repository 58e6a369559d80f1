"""Reading what containers use from an engine, and adding it to the hours. Called by the watcher, a cadence each.

No transaction is open around an engine call. Whoever counts locks the meters and adds only what lies beyond them, so
that two watchers at once, or one that begins again after a crash, count everything once.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from apps.containers.models import Application, Attachment, Container
from apps.engine.samples import sample_containers
from apps.engine.types import ContainerSample, ContainerState
from apps.metrics import ledger
from apps.metrics.amounts import Counted, disk_by_hour, hour_of, use_between
from apps.metrics.ledger import Amounts, Owner, gather
from apps.metrics.models import DiskMeter, Meter, UsageDay, UsageHour
from apps.nodes.engines import engine_for
from apps.nodes.models import Node

KEPT: Final = timedelta(days=366)
#: A meter stays for so long after its container's row: one that a sample under way still needs must not begin anew.
METER_STAYS: Final = timedelta(days=1)

#: A container that restarts again and again may run just now, whatever its row says.
_MAY_RUN: Final = (ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING)
_COUNTERS: Final = ("sampled_at", "cpu_ms", "sent_bytes", "memory_bytes", "cpu_millis")
_OWNER: Final = ("application__tenant_id", "application_id", "application__slug")


def sample_usage(node: Node) -> None:
    """Count what the node's containers have used since they were last sampled. Raises an EngineError."""
    owners = {
        engine_id: Owner(*owner)
        for engine_id, *owner in Container.objects.filter(application__node=node, state__in=_MAY_RUN)
        .exclude(engine_id="")
        .values_list("engine_id", *_OWNER)
    }
    if owners:
        count_samples(owners, sample_containers(node.url, owners))


@transaction.atomic
def count_samples(owners: Mapping[str, Owner], samples: Mapping[str, ContainerSample]) -> None:
    """Add what these samples (by container id) show beyond the meters, and move the meters there."""
    _make_meters(owners, samples)
    counted, amounts = [], Amounts()
    for meter in Meter.objects.select_for_update().filter(engine_id__in=list(samples)).order_by("pk"):
        sample = samples[meter.engine_id]
        if sample.at <= meter.sampled_at:  # somebody else has counted up to here
            continue
        last = Counted(meter.sampled_at, meter.cpu_ms, meter.sent_bytes, meter.memory_bytes)
        use = use_between(last, sample)
        for hour, amount in use.by_hour().items():
            gather(amounts, owners[meter.engine_id], hour, amount)
        meter.sampled_at, meter.cpu_millis = sample.at, use.cpu_millis
        meter.cpu_ms, meter.sent_bytes, meter.memory_bytes = sample.cpu_ms, sample.sent_bytes, sample.memory_bytes
        counted.append(meter)
    # A third of the cost of `bulk_update`: all rows are there, and locked.
    Meter.objects.bulk_create(counted, update_conflicts=True, unique_fields=["pk"], update_fields=_COUNTERS)
    ledger.add(amounts)


def _make_meters(owners: Mapping[str, Owner], samples: Mapping[str, ContainerSample]) -> None:
    """For containers that are new: they are counted from their start."""
    known = set(Meter.objects.filter(engine_id__in=list(samples)).values_list("engine_id", flat=True))
    Meter.objects.bulk_create(
        [
            Meter(
                tenant_id=owners[engine_id].tenant_id,
                application_id=owners[engine_id].application_id,
                engine_id=engine_id,
                sampled_at=sample.started_at,
            )
            for engine_id, sample in samples.items()
            if engine_id not in known
        ],
        ignore_conflicts=True,
    )


def measure_disk(node: Node) -> None:
    """Count what the node's applications have held on disk since it was last measured. Raises an EngineError."""
    at = timezone.now()
    use = engine_for(node).disk_use()
    sizes: dict[Owner, int] = defaultdict(int)
    for owner in Application.objects.filter(node=node).values_list("tenant_id", "pk", "slug"):
        sizes[Owner(*owner)] = 0
    layers = Container.objects.filter(application__node=node).exclude(engine_id="")
    for engine_id, *owner in layers.values_list("engine_id", *_OWNER):
        sizes[Owner(*owner)] += use.layers.get(engine_id, 0)
    volumes = Attachment.objects.filter(volume__node=node)
    for name, *owner in volumes.values_list("volume__name", *_OWNER):
        sizes[Owner(*owner)] += use.volumes.get(name, 0)
    count_disk(at, sizes)


@transaction.atomic
def count_disk(at: datetime, sizes: Mapping[Owner, int]) -> None:
    """Add what was held since the last measurement, at the lower of the two sizes."""
    owners = {owner.application_id: owner for owner in sizes}
    DiskMeter.objects.bulk_create(
        [
            DiskMeter(tenant_id=owner.tenant_id, application_id=owner.application_id, measured_at=at, size_bytes=size)
            for owner, size in sizes.items()
        ],
        ignore_conflicts=True,
    )
    counted, amounts = [], Amounts()
    for meter in DiskMeter.objects.select_for_update().filter(application_id__in=owners).order_by("pk"):
        if at <= meter.measured_at:
            continue
        owner = owners[meter.application_id]
        held = min(meter.size_bytes, sizes[owner])
        for hour, amount in disk_by_hour(meter.measured_at, at, held).items():
            gather(amounts, owner, hour, amount)
        meter.measured_at, meter.size_bytes = at, sizes[owner]
        counted.append(meter)
    DiskMeter.objects.bulk_update(counted, ["measured_at", "size_bytes"])
    ledger.add(amounts)


def forget_old_usage() -> None:
    """Rows older than a year go, and the meters of what is no more."""
    now = timezone.now()
    for rows in (UsageHour.objects.all(), UsageDay.objects.all()):
        rows.filter(hour__lt=hour_of(now - KEPT)).delete()
    ended = Meter.objects.exclude(engine_id__in=Container.objects.values("engine_id"))
    ended.filter(sampled_at__lt=now - METER_STAYS).delete()
    DiskMeter.objects.exclude(application_id__in=Application.objects.values("pk")).delete()
