"""The one table of what is counted. A further resource is one line here, and a `hold` where it is used."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from apps.core.units import binary_size, cores


class Resource(StrEnum):
    CPU = "cpu"
    MEMORY = "memory"
    APPLICATIONS = "applications"
    CONTAINERS = "containers"
    MEMBERS = "members"


class Info(NamedTuple):
    """`unit` is what an operator types limits in, and how many base units one of them is. `free` is how to use less."""

    label: str
    unit: str
    base: int
    words: Callable[[int], str]
    free: str


RESOURCES: Final[dict[Resource, Info]] = {
    Resource.CPU: Info("CPU", "cores", 1000, cores, "Stop an application or make one smaller"),
    Resource.MEMORY: Info("Memory", "MiB", 1024 * 1024, binary_size, "Stop an application or make one smaller"),
    Resource.APPLICATIONS: Info("Applications", "", 1, str, "Delete an application"),
    Resource.CONTAINERS: Info("Running containers", "", 1, str, "Stop an application"),
    Resource.MEMBERS: Info("Members", "", 1, str, "Remove a member or revoke an invitation"),
}

#: Amounts in base units: thousandths of a core, bytes, or a plain number. A limit of None is none.
Amounts = Mapping[Resource, int]
Limits = Mapping[Resource, int | None]
