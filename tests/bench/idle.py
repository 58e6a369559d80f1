"""What an idle Berth costs: the memory of everything that `make up` starts, except the engine."""

import time
import urllib.request

from tests.support.process_tree import descendants, pss_kib
from tests.support.system import running_system

SETTLE_S = 20


def run() -> dict[str, float]:
    with running_system() as system:
        # Idle is not untouched: a page has been served.
        urllib.request.urlopen(system.setup_link, timeout=10).close()
        time.sleep(SETTLE_S)
        caddy = int((system.data_dir / "run" / "caddy.pid").read_text())
        pids = {system.process.pid, caddy, *descendants(system.process.pid)}
        return {"idle_pss_mb": sum(map(pss_kib, pids)) / 1024}
