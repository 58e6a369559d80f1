from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from tests.support.proxy import PrivateProxy, running_proxy


@pytest.fixture
def caddy(tmp_path: Path, settings: Settings) -> Iterator[PrivateProxy]:
    """A private proxy, whose routes this test's jobs write."""
    with running_proxy(tmp_path) as running:
        settings.ENVIRONMENT = django_settings.ENVIRONMENT.model_copy(
            update={"data_dir": running.environment.data_dir, "apps_port": running.environment.apps_port}
        )
        yield running
