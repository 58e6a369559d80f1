"""A worker that dies by SIGKILL at a call to the engine: `python -m tests.support.killed_worker start_container`."""

import os
import signal
import sys

from panel.celery import app


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    app.finalize()
    from apps.engine.client import Engine

    setattr(Engine, sys.argv[1], die)
    app.worker_main(["worker", "-P", "threads", "-c", "8", "--without-mingle", "--without-gossip"])
