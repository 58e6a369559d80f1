from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.engine.client import engine_at
from apps.images.services import SAMPLE_REFERENCE, register_own_image


class Command(BaseCommand):
    help = "Make a local image of the engine the sample application that is one click away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("image", help="its tag or id at the engine")

    def handle(self, *_: Any, image: str, **__: Any) -> None:
        facts = engine_at(settings.ENVIRONMENT.engine_url).image(image)
        if facts is None:
            raise CommandError(f"The engine has no image {image}.")
        register_own_image(SAMPLE_REFERENCE, facts.id, size_bytes=facts.size_bytes, architecture=facts.architecture)
