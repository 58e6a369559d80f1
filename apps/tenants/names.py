"""The names that appear in host names: `<application>--<tenant>.<apps domain>`."""

import re

from apps.core.errors import InvalidInput

_SLUG = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


def check_slug(value: str, *, field: str, max_length: int) -> str:
    """Return a valid slug unchanged, else raise InvalidInput that names the field, the rule and the value."""
    if len(value) > max_length:
        raise InvalidInput(f"At most {max_length} characters; “{value}” has {len(value)}.", field=field)
    if not _SLUG.fullmatch(value):
        raise InvalidInput(
            "Lower-case letters, digits and hyphens; starts with a letter, ends with a letter or digit; "
            f"“{value}” does not.",
            field=field,
        )
    if "--" in value:
        raise InvalidInput(f"Two hyphens in a row separate names in addresses; “{value}” has them.", field=field)
    return value
