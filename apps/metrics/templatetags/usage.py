"""Amounts of use in words. Three digits are as much as anybody reads."""

from django import template

from apps.metrics.amounts import GIB_HOUR_KIB_S

register = template.Library()


@register.filter
def cpu_time(milliseconds: int) -> str:
    """Of one core: 44640000 → `12.4 CPU hours`, 90000 → `90 CPU seconds`."""
    seconds = milliseconds / 1000
    if seconds < 600:
        return _amount(seconds, "CPU second")
    return _amount(seconds / 3600, "CPU hour")


@register.filter
def gib_hours(kib_seconds: int) -> str:
    """`3.1 GiB-hours`."""
    return _amount(kib_seconds / GIB_HOUR_KIB_S, "GiB-hour")


def _amount(number: float, noun: str) -> str:
    digits = _digits(number)
    return f"{digits} {noun}" if digits == "1" else f"{digits} {noun}s"


def _digits(number: float) -> str:
    if number == 0:
        return "0"
    if number < 0.01:
        return "under 0.01"
    if number < 10:
        return f"{number:.2f}".rstrip("0").rstrip(".")
    return f"{number:.1f}".removesuffix(".0") if number < 100 else f"{number:,.0f}"
