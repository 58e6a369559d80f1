"""Filters and tags that every template has. Times and sizes are worded here and, in the browser, by `time.js`."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms, template
from django.forms import BoundField
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.units import binary_size, cores

register = template.Library()

#: The tone (see `berth.css`) of an operation's, a step's, a check-list line's and an event's state.
_TONES: Final = {
    "queued": "secondary",
    "running": "azure",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "secondary",
    "done": "green",
    "refused": "yellow",
    "ok": "green",
    "warn": "yellow",
    "bad": "red",
}

#: What a browser's name for itself tells, the first that fits: most also name those that they descend from.
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
    ("curl/", "curl"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip

_STATE_ICONS: Final = {
    "queued": "clock",
    "running": "loader-2",
    "succeeded": "circle-check",
    "failed": "alert-circle",
    "cancelled": "ban",
    "done": "circle-check",
    "refused": "ban",
    "ok": "circle-check",
    "warn": "alert-triangle",
    "bad": "alert-circle",
}


# --- sizes and names --------------------------------------------------------------------------------------------------


register.filter(binary_size)
register.filter(cores)


@register.filter
def short_digest(value: str) -> str:
    """`sha256:9f1e…` with the first 12 digits."""
    algorithm, _, digits = value.partition(":")
    return f"{algorithm}:{digits[:12]}" if digits else value[:12]


@register.filter
def address(url: str) -> str:
    """An application's URL as people say it: without the scheme and the last slash."""
    return url.partition("://")[2].rstrip("/")


@register.filter
def pulled(layers: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The layers of a pull, added up: `count`, `done`, `current_bytes`, `total_bytes`.

    A layer whose size is still unknown counts as nothing, so the sum only ever grows.
    """
    known = list(layers)
    return {
        "count": len(known),
        "done": sum(map(is_pulled, known)),
        "current_bytes": sum(layer["current_bytes"] for layer in known),
        "total_bytes": sum(layer["total_bytes"] for layer in known),
    }


@register.filter
def is_pulled(layer: Mapping[str, Any]) -> bool:
    """Whether the engine says, in its own words, that the layer is there."""
    return layer["status"] in {"Pull complete", "Already exists"}


@register.filter
def device(user_agent: str) -> str:
    """A browser's name for itself as people say it: `Firefox on Windows`."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " on ".join(filter(None, (browser, system))) or user_agent[:40] or "Unknown device"


# --- times ------------------------------------------------------------------------------------------------------------


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Seconds or a timedelta → `850 ms`, `4.2 s`, `3 min 5 s`, `2 h 4 min`, `3 d 1 h`."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return _whole(int(seconds))


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """A time relative to now, kept current by `time.js`, with the exact one on hover."""
    if moment is None:
        return "–"
    seconds = _seconds_since(moment)
    text = "just now" if seconds < 5 else f"{' '.join(_whole(seconds).split()[:2])} ago"
    return _time("ago", moment, text)


@register.simple_tag
def elapsed(moment: datetime | str | None) -> SafeString | str:
    """The time since a moment (also as ISO 8601), counted on by `time.js`: `7 s`, `3 min 5 s`, `6 d 3 h`."""
    found = _moment(moment)
    return "–" if found is None else _time("elapsed", found, _whole(_seconds_since(found)))


@register.simple_tag
def left(moment: datetime | None) -> SafeString | str:
    """The time until a moment, counted down by `time.js` to `0 s`: `23 h 59 min`."""
    return "–" if moment is None else _time("left", moment, _whole(_seconds_until(moment)))


@register.filter
def step_duration(step: Mapping[str, Any]) -> float | None:
    """Seconds that a step of an operation took; None while it has not ended, or if it was skipped."""
    started, finished = _moment(step.get("started")), _moment(step.get("finished"))
    return (finished - started).total_seconds() if started and finished else None


def _whole(seconds: int) -> str:
    """The two largest units, as `duration` has them, without fractions."""
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def _seconds_since(moment: datetime) -> int:
    return max(0, int((timezone.now() - moment).total_seconds()))


def _seconds_until(moment: datetime) -> int:
    return max(0, int((moment - timezone.now()).total_seconds()))


def _moment(value: datetime | str | None) -> datetime | None:
    return parse_datetime(value) if isinstance(value, str) else value


def _time(kind: str, moment: datetime, text: str) -> SafeString:
    exact = moment.strftime("%Y-%m-%d %H:%M:%S")
    return format_html('<time datetime="{}" title="{} UTC" data-{}>{}</time>', moment.isoformat(), exact, kind, text)


# --- states -----------------------------------------------------------------------------------------------------------


@register.filter
def tone(state: str) -> str:
    """The tone in which a state is drawn; never the only sign of it."""
    return _TONES.get(state, "secondary")


@register.filter
def state_icon(state: str) -> str:
    """The icon beside a state's word."""
    return _STATE_ICONS.get(state, "circle-dashed")


# --- forms ------------------------------------------------------------------------------------------------------------


@register.filter
def control(field: BoundField, classes: str = "") -> SafeString:
    """The field's widget in Tabler's classes and these further ones, marked when it has errors."""
    base = "form-select" if isinstance(field.field.widget, forms.Select) else "form-control"
    given = field.field.widget.attrs.get("class", "")
    parts = (base, classes, given, "is-invalid" if field.errors else "")
    return field.as_widget(attrs={"class": " ".join(part for part in parts if part)})
