"""docs/images.md explains every way in which an image can be refused."""

from pathlib import Path

import pytest

from apps.core.errors import InvalidInput
from apps.engine import errors as engine
from apps.images import errors as images

REFUSALS = [
    InvalidInput,
    engine.ImageNotFound,
    engine.ImagePullDenied,
    engine.WrongArchitecture,
    engine.RegistryNotAllowed,
    engine.RegistryUnreachable,
    images.ImageUnusable,
    images.RegistryBusy,
    images.RegistryMisbehaved,
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_each_code_is_explained(refusal):
    page = Path(__file__).parents[2] / "docs/images.md"
    assert f"| `{refusal.code}` |" in page.read_text()
