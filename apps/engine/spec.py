"""What a tenant may say of a container, and the rules for it. Everything else is the panel's.

Docker ignores unknown keys silently, so validation is ours: an unknown field or a value outside its bound is an error
that names the field, the rule and the value.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from apps.core.errors import InvalidInput

MIB: Final = 1024 * 1024
MIN_MEMORY_BYTES: Final = 32 * MIB
MAX_MEMORY_BYTES: Final = 1024 * 1024 * MIB
MIN_CPU_MILLIS: Final = 50
MAX_CPU_MILLIS: Final = 128_000
MAX_VARIABLES: Final = 200
MAX_VARIABLE_BYTES: Final = 32 * 1024
MAX_VARIABLES_BYTES: Final = 256 * 1024
MAX_ARGUMENTS: Final = 64
MAX_COMMAND_BYTES: Final = 32 * 1024

_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def _shorten(value: str) -> str:
    return value if len(value) <= 40 else value[:37] + "…"


def check_command(arguments: tuple[str, ...]) -> tuple[str, ...]:
    if len(arguments) > MAX_ARGUMENTS:
        raise ValueError(f"At most {MAX_ARGUMENTS} words; this command has {len(arguments)}.")
    if (size := sum(len(word.encode()) for word in arguments)) > MAX_COMMAND_BYTES:
        raise ValueError(f"At most {MAX_COMMAND_BYTES // 1024} KiB; this command has {size} bytes.")
    if any("\0" in word for word in arguments):
        raise ValueError("No NUL characters; this command has one.")
    return arguments


def check_variables(variables: dict[str, str]) -> dict[str, str]:
    if len(variables) > MAX_VARIABLES:
        raise ValueError(f"At most {MAX_VARIABLES} variables; these are {len(variables)}.")
    total = 0
    for name, value in variables.items():
        if not _VARIABLE_NAME.fullmatch(name):
            raise ValueError(
                "Names are letters, digits and underscores, start with no digit, at most 128 characters; "
                f"“{_shorten(name)}” is not one."
            )
        size = len(value.encode())
        if size > MAX_VARIABLE_BYTES:
            raise ValueError(f"A value has at most {MAX_VARIABLE_BYTES // 1024} KiB; {name} has {size} bytes.")
        if "\0" in value:
            raise ValueError(f"No NUL characters; the value of {name} has one.")
        total += len(name) + size
    if total > MAX_VARIABLES_BYTES:
        raise ValueError(
            f"All variables together have at most {MAX_VARIABLES_BYTES // 1024} KiB; these have {total} bytes."
        )
    return variables


def check_memory(value: int) -> int:
    if not MIN_MEMORY_BYTES <= value <= MAX_MEMORY_BYTES:
        raise ValueError(f"From {MIN_MEMORY_BYTES // MIB} MiB to 1 TiB; this is {value / MIB:.0f} MiB.")
    return value


def check_cpu(value: int) -> int:
    if not MIN_CPU_MILLIS <= value <= MAX_CPU_MILLIS:
        raise ValueError(
            f"From {MIN_CPU_MILLIS / 1000:g} to {MAX_CPU_MILLIS / 1000:g} cores; this is {value / 1000:g}."
        )
    return value


def check_port(value: int | None) -> int | None:
    if value is not None and not 1 <= value <= 65535:
        raise ValueError(f"A port is a number from 1 to 65535; this is {value}.")
    return value


class ServiceSpec(BaseModel):
    """One service as its author wants it, frozen into each release.

    `memory_bytes` in bytes, `cpu_millis` in thousandths of a core. `port` is where the application listens; without
    one it has no address. Variables are not part of it: their values are encrypted and live beside it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=1, le=1)] = 1
    image: Annotated[str, Field(min_length=1, max_length=255)]
    command: Annotated[tuple[str, ...], AfterValidator(check_command)] = ()
    port: Annotated[int | None, AfterValidator(check_port)] = None
    memory_bytes: Annotated[int, AfterValidator(check_memory)] = 256 * MIB
    cpu_millis: Annotated[int, AfterValidator(check_cpu)] = 500


def parse_spec(data: dict[str, Any]) -> ServiceSpec:
    """Validate; raises InvalidInput for the first field outside the rules."""
    try:
        return ServiceSpec.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else None
        raise InvalidInput(first["msg"].removeprefix("Value error, "), field=field) from error
