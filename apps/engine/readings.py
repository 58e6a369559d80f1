"""From the engine's JSON to our types. Pure, but for the disk of a local engine."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from apps.engine.body import clamp_healthcheck
from apps.engine.labels import Labels
from apps.engine.types import (
    ContainerSample,
    ContainerState,
    DiskUse,
    EngineEvent,
    EngineFacts,
    Health,
    Healthcheck,
    ImageFacts,
    LayerProgress,
    ObservedContainer,
)

ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def disk_of(path: str) -> tuple[int | None, int | None]:
    try:
        stat = os.statvfs(Path(path))
    except OSError:
        return None, None
    return stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize


def engine_time(text: str) -> datetime | None:
    """The engine writes nanoseconds, and year 1 for "never"."""
    if not text or text.startswith("0001"):
        return None
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}").replace(tzinfo=UTC)


def image_healthcheck(data: dict[str, Any] | None) -> Healthcheck | None:
    if not data or not data.get("Test") or data["Test"] == ["NONE"]:
        return None
    return clamp_healthcheck(
        Healthcheck(
            test=tuple(data["Test"]),
            interval=data.get("Interval", 0),
            timeout=data.get("Timeout", 0),
            retries=data.get("Retries", 0),
            start_period=data.get("StartPeriod", 0),
        )
    )


def observed_container(data: dict[str, Any]) -> ObservedContainer:
    state = data["State"]
    networks = (data.get("NetworkSettings") or {}).get("Networks") or {}
    is_ended = state["Status"] in {"exited", "dead", "restarting"}
    return ObservedContainer(
        id=data["Id"],
        name=data["Name"].lstrip("/"),
        labels=Labels.from_dict(data["Config"].get("Labels") or {}),
        state=ContainerState(state["Status"]),
        exit_code=state["ExitCode"] if is_ended else None,
        is_oom_killed=bool(state.get("OOMKilled")) and is_ended,
        health=Health((state.get("Health") or {}).get("Status") or "none"),
        restart_count=data.get("RestartCount", 0),
        started_at=engine_time(state.get("StartedAt", "")),
        finished_at=engine_time(state.get("FinishedAt", "")),
        error=state.get("Error", ""),
        address=next((network.get("IPAddress") or "" for network in networks.values()), ""),
    )


def health_in(status: str) -> Health:
    """A list tells health only in its sentence: `Up 2 minutes (unhealthy)`."""
    match = re.search(r"\((?:health: )?(starting|healthy|unhealthy)\)", status)
    return Health(match[1]) if match else Health.NONE


def memory_in_use(memory: dict[str, Any]) -> int | None:
    """Without the file pages that can be dropped at once; None where nothing is told, as of a container that ended."""
    if "usage" not in memory:
        return None
    usage, details = int(memory["usage"]), memory.get("stats", {})
    # The key tells cgroup v1 from v2.
    cache = int(details.get("total_inactive_file", details.get("inactive_file", 0)))
    return usage - cache if cache < usage else usage


def container_sample(statistics: dict[str, Any], started_at: str) -> ContainerSample | None:
    """None if the container does not run, or was started anew after the statistics were taken."""
    at, start = engine_time(statistics["read"]), engine_time(started_at)
    memory = memory_in_use(statistics["memory_stats"])
    if at is None or start is None or memory is None or at < start:
        return None
    return ContainerSample(
        at=at,
        started_at=start,
        cpu_ms=statistics["cpu_stats"]["cpu_usage"]["total_usage"] // 1_000_000,
        sent_bytes=sum(interface["tx_bytes"] for interface in (statistics.get("networks") or {}).values()),
        memory_bytes=memory,
    )


def disk_use(data: dict[str, Any]) -> DiskUse:
    """Volumes whose size the engine could not find out (it says -1) are left out."""
    sizes = {volume["Name"]: (volume.get("UsageData") or {}).get("Size", -1) for volume in data["Volumes"] or ()}
    return DiskUse(
        layers={container["Id"]: container.get("SizeRw", 0) for container in data["Containers"] or ()},
        volumes={name: size for name, size in sizes.items() if size >= 0},
    )


def engine_event(data: dict[str, Any]) -> EngineEvent:
    """An image's labels lie over the attributes of an event, so the exit code may be its author's invention."""
    exit_code = data["Actor"].get("Attributes", {}).get("exitCode", "")
    return EngineEvent(
        container_id=data["Actor"]["ID"],
        action=data["Action"].split(":")[0],
        exit_code=int(exit_code) if re.fullmatch(r"[0-9]{1,3}", exit_code) else None,
    )


def pulled_layer(line: dict[str, Any], known: dict[str, LayerProgress]) -> LayerProgress | None:
    layer_id, status = line.get("id", ""), line.get("status", "")
    if not re.fullmatch(r"[0-9a-f]{12}", layer_id):
        return None
    detail = line.get("progressDetail") or {}
    before = known.get(layer_id, LayerProgress(layer_id, status))
    total = detail.get("total") or before.total_bytes
    current = detail.get("current") or before.current_bytes
    if status in {"Download complete", "Pull complete", "Already exists"}:
        current = total
    return LayerProgress(layer_id, status, current, total)


def engine_facts(info: dict[str, Any], version: dict[str, Any], *, is_local: bool) -> EngineFacts:
    total, free = disk_of(info["DockerRootDir"]) if is_local else (None, None)
    return EngineFacts(
        engine_id=info["ID"],
        name=info["Name"],
        version=info["ServerVersion"],
        api_version=version["ApiVersion"],
        architecture=ARCHITECTURES.get(info["Architecture"], info["Architecture"]),
        cpus=info["NCPU"],
        memory_bytes=info["MemTotal"],
        cgroup_version=str(info.get("CgroupVersion", "1")),
        log_driver=info["LoggingDriver"],
        log_drivers=tuple(info["Plugins"]["Log"]),
        security_options=tuple(info.get("SecurityOptions") or ()),
        data_root=info["DockerRootDir"],
        disk_total_bytes=total,
        disk_free_bytes=free,
    )


def image_facts(data: dict[str, Any]) -> ImageFacts:
    config = data.get("Config") or {}
    return ImageFacts(
        id=data["Id"],
        architecture=data["Architecture"],
        size_bytes=data["Size"],
        command=tuple(config.get("Cmd") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        user=config.get("User") or "",
        workdir=config.get("WorkingDir") or "",
        exposed_ports=tuple(
            sorted(int(port.split("/")[0]) for port in config.get("ExposedPorts") or () if port.endswith("/tcp"))
        ),
        volumes=tuple(sorted(config.get("Volumes") or ())),
        healthcheck=image_healthcheck(config.get("Healthcheck")),
        layers=tuple((data.get("RootFS") or {}).get("Layers") or ()),
        repo_digests=tuple(data.get("RepoDigests") or ()),
    )
