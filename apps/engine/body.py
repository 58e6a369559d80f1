"""`create_body`: the one pure function through which every container comes to be.

It is an allow-list: what is not written here is never sent. The hardened values are the same for every tenant.
"""

from typing import Any, Final

from apps.engine.types import ContainerSpec, Healthcheck

#: The least with which the official nginx, redis and postgres entrypoints start, restart and stop gracefully. Without
#: KILL, `Init` could not pass signals on to another uid, and every stop would become a hard kill.
CAPABILITIES: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")

STOP_TIMEOUT_S: Final = 10
PIDS_LIMIT: Final = 256
SHM_BYTES: Final = 64 * 1024 * 1024
#: Below the hard limit of any daemon seen; a higher one makes the engine refuse the container.
NOFILE_LIMIT: Final = 16_384
#: `blocking`: with `non-blocking` half of a fast million lines is lost without a word.
LOG_CONFIG: Final = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3", "mode": "blocking"}}

_SECOND: Final = 1_000_000_000


def create_body(spec: ContainerSpec) -> dict[str, Any]:
    """The body of `POST /containers/create` (API 1.41) for this specification."""
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in sorted(spec.variables.items())],
        "Labels": spec.labels.to_dict(),
        "ExposedPorts": {f"{spec.port}/tcp": {}} if spec.port else {},
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "OpenStdin": False,
        "Tty": False,
        "StopTimeout": STOP_TIMEOUT_S,
        "HostConfig": {
            "NetworkMode": spec.network,
            "RestartPolicy": {"Name": "unless-stopped"},
            "Memory": spec.memory_bytes,
            "MemorySwap": spec.memory_bytes,
            "NanoCpus": spec.cpu_millis * 1_000_000,
            "PidsLimit": PIDS_LIMIT,
            "ShmSize": SHM_BYTES,
            "OomScoreAdj": 500,
            "CapDrop": ["ALL"],
            "CapAdd": list(CAPABILITIES),
            "SecurityOpt": ["no-new-privileges:true"],
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "Init": True,
            "Privileged": False,
            "PublishAllPorts": False,
            "ReadonlyRootfs": False,
            "Ulimits": [
                {"Name": "nofile", "Soft": NOFILE_LIMIT, "Hard": NOFILE_LIMIT},
                {"Name": "core", "Soft": 0, "Hard": 0},
            ],
            "LogConfig": LOG_CONFIG,
            "Mounts": [{"Type": "volume", "Source": mount.volume, "Target": mount.target} for mount in spec.volumes],
        },
        "NetworkingConfig": {
            "EndpointsConfig": {
                spec.network: {"IPAMConfig": {"IPv4Address": spec.address}, "Aliases": [spec.alias]},
            }
        },
    }
    if spec.command:
        body["Cmd"] = list(spec.command)
    if spec.healthcheck:
        body["Healthcheck"] = _healthcheck(spec.healthcheck)
    return body


def clamp_healthcheck(check: Healthcheck) -> Healthcheck:
    """An image's own check within our bounds: interval ≥ 10 s, timeout 1–30 s. 0 is the engine's default, 30 s."""
    return Healthcheck(
        test=check.test,
        interval=max(check.interval or 30 * _SECOND, 10 * _SECOND),
        timeout=min(max(check.timeout or 30 * _SECOND, _SECOND), 30 * _SECOND),
        retries=min(max(check.retries or 3, 1), 20),
        start_period=min(check.start_period, 600 * _SECOND),
    )


def security_drift(body: dict[str, Any], inspected: dict[str, Any]) -> list[str]:
    """The security fields in which a created container differs from the body that we sent; none if it is as asked."""
    wanted, found = body["HostConfig"], inspected["HostConfig"]
    drift = [key for key in _COMPARED if _normal(wanted.get(key)) != _normal(found.get(key))]
    # Whatever the body does not name must be at the value that grants nothing.
    drift += [key for key in _MUST_BE_EMPTY if found.get(key)]
    drift += [
        f"label {key}" for key, value in body["Labels"].items() if inspected["Config"]["Labels"].get(key) != value
    ]
    drift += [f"mount {mount['Destination']}" for mount in inspected.get("Mounts", []) if mount["Type"] != "volume"]
    mounted = {mount["Destination"] for mount in inspected.get("Mounts", [])}
    drift += [f"mount {target}" for target in mounted ^ {mount["Target"] for mount in wanted["Mounts"]}]
    return drift


_COMPARED: Final = (
    "NetworkMode", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "ShmSize", "OomScoreAdj", "CapDrop", "CapAdd",
    "SecurityOpt", "IpcMode", "CgroupnsMode", "Init", "Privileged", "PublishAllPorts", "ReadonlyRootfs",
)  # fmt: skip
_MUST_BE_EMPTY: Final = (
    "Binds", "VolumesFrom", "Devices", "DeviceCgroupRules", "DeviceRequests", "PidMode", "UTSMode", "UsernsMode",
    "CgroupParent", "Links", "ExtraHosts", "Dns", "DnsOptions", "DnsSearch", "GroupAdd", "PortBindings", "Sysctls",
    "StorageOpt", "VolumeDriver", "AutoRemove", "OomKillDisable", "CpusetCpus", "CpusetMems", "BlkioDeviceReadBps",
)  # fmt: skip


def _normal(value: Any) -> Any:
    """Capabilities come back with or without `CAP_` and in another order; None, [] and {} mean the same."""
    if isinstance(value, list):
        return sorted(str(item).removeprefix("CAP_") for item in value)
    return value or None


def _healthcheck(check: Healthcheck) -> dict[str, Any]:
    return {
        "Test": list(check.test),
        "Interval": check.interval,
        "Timeout": check.timeout,
        "Retries": check.retries,
        "StartPeriod": check.start_period,
    }
