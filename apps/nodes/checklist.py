"""What must hold for an engine to be used, judged from what it says of itself. Pure."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from apps.engine.types import EngineFacts

State = Literal["ok", "warn", "bad", "pending"]
GIB: Final = 1024**3

#: Titles in their order, so that a page can draw the list before the answers are there.
TITLES: Final = ("Engine answers", "API version", "Disk", "Control groups", "Log driver")


@dataclass(frozen=True, slots=True)
class Line:
    """`fix` is the command that mends it, or empty."""

    title: str
    state: State
    found: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def unreachable(error: str) -> list[Line]:
    rest = [Line(title, "pending", "Not known while the engine does not answer.") for title in TITLES[1:]]
    return [Line(TITLES[0], "bad", error, "systemctl start docker   # or: dockerd >/var/log/dockerd.log 2>&1 &"), *rest]


def judge(facts: EngineFacts) -> list[Line]:
    return [
        Line(TITLES[0], "ok", f"Docker {facts.version} on {facts.name}, {facts.cpus} cores"),
        _api(facts),
        _disk(facts),
        _cgroup(facts),
        _log_driver(facts),
    ]


def _api(facts: EngineFacts) -> Line:
    if tuple(map(int, facts.api_version.split("."))) >= (1, 41):
        return Line(TITLES[1], "ok", facts.api_version)
    return Line(TITLES[1], "bad", f"{facts.api_version}; Berth needs 1.41", "apt-get install -y docker.io")


def _disk(facts: EngineFacts) -> Line:
    free, total = facts.disk_free_bytes, facts.disk_total_bytes
    if free is None or not total:
        return Line(TITLES[2], "warn", f"{facts.data_root} is not on this machine, so its free space is not known.")
    found = f"{free / GIB:.0f} of {total / GIB:.0f} GiB free in {facts.data_root}"
    if free < 2 * GIB:
        return Line(TITLES[2], "bad", found, "docker system df   # then remove what you no longer need")
    return Line(TITLES[2], "warn" if free < 0.15 * total else "ok", found)


def _cgroup(facts: EngineFacts) -> Line:
    found = f"version {facts.cgroup_version}"
    if facts.cgroup_version == "2":
        return Line(TITLES[3], "ok", found)
    return Line(TITLES[3], "warn", f"{found}: limits hold, but version 2 accounts memory more exactly")


def _log_driver(facts: EngineFacts) -> Line:
    if "json-file" in facts.log_drivers:
        return Line(TITLES[4], "ok", "json-file is there (containers use it whatever the engine's default)")
    return Line(
        TITLES[4],
        "bad",
        f"json-file is missing; there are {', '.join(facts.log_drivers)}",
        "apt-get install -y docker.io",
    )
