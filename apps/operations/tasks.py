"""Celery's wiring. A message says only that something may wait; what is done next is read from the rows."""

import logging
import os
import socket
from functools import cache

from celery import shared_task
from celery.signals import worker_init
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import autodiscover_modules
from kombu.exceptions import OperationalError

from apps.operations import lifecycle
from apps.operations.run import Heartbeat, run_next

logger = logging.getLogger(__name__)


@cache
def worker_name() -> str:
    """This process, as operations name who runs them."""
    return f"{socket.gethostname()}:{os.getpid()}"


@shared_task
def work() -> None:
    """Carry out what waits until nothing may start."""
    while run_next(worker_name(), settings.ENVIRONMENT.worker_slots):
        pass


def publish_hint() -> None:
    """Wake a worker when the current transaction commits. With Redis down the sweeper does it later."""
    transaction.on_commit(publish_now)


def publish_now() -> None:
    try:
        work.delay()
    except OperationalError as error:
        logger.warning("the queue cannot be reached, the sweeper will publish: %s", error)


@worker_init.connect
def _prepare(**_: object) -> None:
    autodiscover_modules("jobs")
    Heartbeat(worker_name(), settings.ENVIRONMENT.lease_s / 4).start()


def sweep() -> None:
    """Take back what was lost, and wake workers for what waits. Run every few seconds by the watcher."""
    lifecycle.lapse()
    for _ in range(min(lifecycle.waiting_count(), settings.ENVIRONMENT.worker_slots)):
        publish_now()
