from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OperationsConfig(AppConfig):
    name = "apps.operations"

    def ready(self) -> None:
        """Let apps register what they do `at_end` of operations, in every process: not only workers end them."""
        autodiscover_modules("endings")
