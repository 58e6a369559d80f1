import signal
from typing import Any

from django.core.management.base import BaseCommand

from apps.watcher.watch import Watcher


class Command(BaseCommand):
    help = "Follow the engine's events, compare fully now and then, and sweep operations. Runs until it is stopped."

    def handle(self, *_: Any, **__: Any) -> None:
        watcher = Watcher()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: watcher.stop())
        watcher.run()
