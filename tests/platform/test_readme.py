"""The README is true."""

import re

from panel.env import BASE_DIR, Environment
from tests.support.settings_table import settings_table

README = (BASE_DIR / "README.md").read_text()


def test_its_table_of_settings_is_the_one_in_the_code():
    assert settings_table() in README


def test_its_commands_are_targets_of_the_makefile():
    makefile = (BASE_DIR / "Makefile").read_text()
    for target in re.findall(r"(?:`|^|&& )make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_what_it_links_to_is_there():
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (BASE_DIR / link).exists(), link


def test_every_setting_is_said_in_words():
    assert all(field.description for field in Environment.model_fields.values())
