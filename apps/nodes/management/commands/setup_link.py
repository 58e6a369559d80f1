from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse

from apps.nodes.services import new_setup_token


class Command(BaseCommand):
    help = "Print a fresh one-time link for the first run; nothing once the installation is set up."

    def handle(self, *_: Any, **__: Any) -> None:
        if token := new_setup_token():
            self.stdout.write(f"{settings.ENVIRONMENT.base_url}{reverse('setup', args=[token])}")
