"""What an application has reserved in the quota ledger: itself, and what its containers take while they run.

Read from the rows each time, so that saying it twice is harmless and nothing has to be given back by hand.
"""

import logging
from collections import Counter
from contextlib import suppress

from django.db import transaction

from apps.containers.models import Application, Container, DesiredState, Release
from apps.containers.strategy import Strategy
from apps.engine.spec import ServiceSpec
from apps.engine.types import ALIVE
from apps.operations.models import OPEN_STATES, Kind, Operation
from apps.quotas.ledger import Ledger, QuotaExceeded, release
from apps.quotas.resources import Resource

logger = logging.getLogger(__name__)

Needs = Counter[Resource]


def use_of(spec: ServiceSpec) -> Needs:
    """What one container of this specification takes while it runs."""
    return Counter({Resource.CPU: spec.cpu_millis, Resource.MEMORY: spec.memory_bytes, Resource.CONTAINERS: 1})


def use_now(application: Application, *, besides: Release | None = None) -> Needs:
    """What its containers take, those of one release not counted: all that run or should."""
    containers = application.containers.select_related("release")
    if besides is not None:
        containers = containers.exclude(release=besides)
    return sum((use_of(row.release.spec) for row in containers if _takes(application, row)), Counter())


@transaction.atomic
def reserve(application: Application) -> None:
    """Reserve what it needs from now on, before any work begins. Raises QuotaExceeded."""
    ledger = Ledger(application.tenant.account, application.node.account)
    ledger.hold(application.topic, _needs_of(application))


def settle(application_id: int) -> None:
    """Bring what is reserved to what is still needed, after something ended. A fact beyond a limit is only logged."""
    application = Application.objects.select_related("tenant", "node", "release").filter(pk=application_id).first()
    if application is None:
        release(Application(pk=application_id).topic)
        return
    try:
        reserve(application)
    except QuotaExceeded as error:
        logger.warning("%s of %s uses more than it may: %s", application, application.tenant, error.message)


def settle_all() -> None:
    """For the start: whatever was left behind by an end that nobody could write."""
    for application_id in Application.objects.values_list("pk", flat=True).iterator():
        with suppress(Application.DoesNotExist):
            settle(application_id)


def _needs_of(application: Application) -> Needs:
    needs = use_now(application)
    for operation in Operation.objects.filter(target=application.topic, state__in=OPEN_STATES):
        if operation.kind == Kind.DEPLOY:
            needs = _while_deploying(application, operation)
        elif operation.kind in {Kind.START, Kind.RESTART, Kind.RESUME} and application.release is not None:
            needs |= use_of(application.release.spec)
    return needs + Counter({Resource.APPLICATIONS: 1})


def _while_deploying(application: Application, operation: Operation) -> Needs:
    """Rolling, both releases run for a while; recreating, one gives way to the other."""
    new = application.releases.get(operation=operation)
    before = use_now(application, besides=new)
    if operation.payload["strategy"] == Strategy.RECREATE:
        return before | use_of(new.spec)
    return before + use_of(new.spec)


def _takes(application: Application, container: Container) -> bool:
    return application.desired_state == DesiredState.RUNNING or container.state in ALIVE
