"""What a process of the quota benchmark does, at a database that is ready: run by `manage.py shell`."""

import json
import statistics
import sys
import time

from django.db import transaction

from apps.accounts.models import User
from apps.quotas.ledger import Ledger
from apps.quotas.resources import Resource
from apps.tenants.access import access
from apps.tenants.permissions import Permission

WRITES = 100
PAUSE_S = 0.05
CHECKS = 1_000
NEEDS = {Resource.CPU: 250, Resource.MEMORY: 2**26, Resource.APPLICATIONS: 1, Resource.CONTAINERS: 1}


def write(number: int, begin: float) -> None:
    """From `begin` (seconds since the epoch) on; prints the seconds that each transaction took."""
    time.sleep(max(0, begin - time.time()))
    samples = []
    for turn in range(WRITES):
        began = time.perf_counter()
        with transaction.atomic():
            Ledger("tenant:1", "node:1").hold(f"application:{number}", {} if turn % 2 else NEEDS)
        samples.append(time.perf_counter() - began)
        time.sleep(max(0, PAUSE_S - samples[-1]))
    sys.stdout.write(json.dumps(samples))


def check() -> None:
    """Prints the microseconds of one check of a right, by the median."""
    user = User.objects.get(email="dora@example.com")
    samples = []
    for _ in range(CHECKS):
        began = time.perf_counter()
        access(user, "acme", Permission.DEPLOY)
        samples.append(time.perf_counter() - began)
    sys.stdout.write(str(statistics.median(samples) * 1e6))
