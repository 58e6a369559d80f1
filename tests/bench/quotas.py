"""Reserving on PostgreSQL while sixteen writers want the same tenant's balances, and one check of a right.

The writers are processes that reserve and give back what a deploy needs, twenty times a second each: sixteen people
who never stop deploying. A write is the whole transaction, from BEGIN to COMMIT.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from tests.support.services import postgresql_server

WRITERS = 16
#: They wait for each other, so that none measures the others' start.
START_S = 15

SEED = """
from apps.quotas.ledger import set_limits
from apps.quotas.resources import Resource
from tests.factories import make_tenant, make_user
for account in ("tenant:1", "node:1"):
    set_limits(account, {resource: 10**12 for resource in Resource})
make_tenant("acme", make_user("alice"), developer=make_user("dora"))
"""


def run() -> dict[str, float]:
    with postgresql_server() as address:
        environment = {**os.environ, "PANEL_DATABASE_URL": address}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], env=environment, check=True)
        shell(environment, SEED).communicate()
        begin = time.time() + START_S
        code = "from tests.support.reserving import write; write"
        writers = [shell(environment, f"{code}({number}, {begin})") for number in range(WRITERS)]
        samples: list[float] = [sample for writer in writers for sample in json.loads(writer.communicate()[0])]
        check, _ = shell(environment, "from tests.support.reserving import check; check()").communicate()
    return {
        "reserve_p50_ms": statistics.median(samples) * 1000,
        "reserve_p95_ms": statistics.quantiles(samples, n=20)[-1] * 1000,
        "access_us": float(check),
    }


def shell(environment: dict[str, str], code: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
