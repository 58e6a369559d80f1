from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from apps.networking import proxy


class Command(BaseCommand):
    help = "Write Caddy's configuration, and load it into the running Caddy if it differs from what that one serves."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write-only", action="store_true", help="only write the file that Caddy starts from")

    def handle(self, *_args: Any, write_only: bool, **_options: Any) -> None:
        proxy.write_config(settings.ENVIRONMENT)
        if not write_only:
            loaded = proxy.load_config(settings.ENVIRONMENT)
            self.stdout.write("Caddy serves the new configuration." if loaded else "Caddy's configuration is current.")
