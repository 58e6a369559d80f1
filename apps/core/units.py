"""Amounts in words."""

from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def binary_size(value: int | None) -> str:
    """1536 → `1.5 KiB`."""
    if value is None:
        return "–"
    size = float(value)
    for unit in _UNITS:
        if abs(size) < 1024 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if abs(size) >= 100 or size == int(size) else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def cores(millis: int) -> str:
    """Thousandths of a core → `0.5 cores`, `1 core`."""
    return f"{millis / 1000:g} {'core' if millis == 1000 else 'cores'}"
