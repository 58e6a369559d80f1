"""Variables as people paste them: `.env` text in and out."""

import re

from apps.core.errors import InvalidInput
from apps.engine.spec import check_variables

_BLANKS = " \t"
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([^=\s]+)[ \t]*=[ \t]*(.*)", re.DOTALL)


def parse_env(text: str, *, field: str = "variables") -> dict[str, str]:
    """`NAME=value` lines; blank lines and `#` comments are skipped, one pair of quotes round a value is taken off.

    Raises InvalidInput that names the line, the rule and the value.
    """
    variables: dict[str, str] = {}
    for number, line in enumerate(re.split(r"\r?\n", text), start=1):
        stripped = line.strip(_BLANKS)
        if not stripped or stripped.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(stripped)
        if match is None:
            raise InvalidInput(f"Line {number}: expected NAME=value, found “{stripped[:40]}”.", field=field)
        name, value = match.groups()
        if name in variables:
            raise InvalidInput(f"Line {number}: {name} is set twice.", field=field)
        variables[name] = _unquote(value)
    try:
        return check_variables(variables)
    except ValueError as error:
        raise InvalidInput(str(error), field=field) from error


def render_env(variables: dict[str, str]) -> str:
    """The text that `parse_env` reads back to the same variables."""
    return "".join(f"{name}={_quote(value)}\n" for name, value in sorted(variables.items()))


def _unquote(value: str) -> str:
    if len(value) < 2 or value[0] != value[-1] or value[0] not in "'\"":
        return value
    if value[0] == "'":
        return value[1:-1]
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), value[1:-1], flags=re.DOTALL)


def _quote(value: str) -> str:
    if value == value.strip(_BLANKS) and value[:1] not in {"'", '"'} and not {"\n", "\r"} & set(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
