"""`create_body` is an allow-list; these tests hold it against what the engine itself knows."""

from dataclasses import replace

import docker
import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.body import CAPABILITIES, clamp_healthcheck, create_body, security_drift
from apps.engine.labels import Labels
from apps.engine.types import ContainerSpec, Healthcheck, VolumeMount

SPEC = ContainerSpec(
    name="test-body",
    image="sha256:0",
    network="berth-net",
    address="10.204.0.2",
    alias="web",
    labels=Labels("installation", tenant=1, application=2, release=3, service="web"),
    memory_bytes=64 * 1024 * 1024,
    cpu_millis=250,
)

#: Every key of HostConfig that an engine of API 1.41 tells of, and what we do with it.
SET = {
    "NetworkMode", "RestartPolicy", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "ShmSize", "OomScoreAdj",
    "CapDrop", "CapAdd", "SecurityOpt", "IpcMode", "CgroupnsMode", "Init", "Privileged", "PublishAllPorts",
    "ReadonlyRootfs", "Ulimits", "LogConfig", "Mounts",
}  # fmt: skip
NEVER = {
    "Binds", "ContainerIDFile", "PortBindings", "AutoRemove", "VolumeDriver", "VolumesFrom", "Capabilities", "Dns",
    "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "Cgroup", "Links", "PidMode", "UTSMode", "UsernsMode",
    "Runtime", "ConsoleSize", "Isolation", "CpuShares", "CgroupParent", "BlkioWeight", "BlkioWeightDevice",
    "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "CpuPeriod", "CpuQuota",
    "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpusetCpus", "CpusetMems", "Devices", "DeviceCgroupRules",
    "DeviceRequests", "KernelMemory", "KernelMemoryTCP", "MemoryReservation", "MemorySwappiness", "OomKillDisable",
    "CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth", "MaskedPaths", "ReadonlyPaths", "StorageOpt",
    "Tmpfs", "Sysctls", "Annotations",
}  # fmt: skip


def test_it_is_hardened():
    host = create_body(SPEC)["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert tuple(host["CapAdd"]) == CAPABILITIES
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] == host["MemorySwap"]
    assert not host["Privileged"]
    assert host["IpcMode"] == host["CgroupnsMode"] == "private"
    assert host["PidsLimit"] == 256


def test_it_sets_every_label_so_that_an_image_cannot_pose_as_ours():
    assert set(create_body(replace(SPEC, labels=Labels("i")))["Labels"]) == {
        "berth.installation", "berth.tenant", "berth.application", "berth.release", "berth.service",
    }  # fmt: skip


def test_mounts_are_panel_volumes_only():
    body = create_body(replace(SPEC, volumes=(VolumeMount("v", "/data"),)))
    assert body["HostConfig"]["Mounts"] == [{"Type": "volume", "Source": "v", "Target": "/data"}]


@given(
    command=st.lists(st.text(), max_size=5).map(tuple),
    variables=st.dictionaries(st.text(), st.text(), max_size=5),
    alias=st.text(),
    port=st.none() | st.integers(1, 65535),
)
def test_no_input_ever_adds_a_key(command, variables, alias, port):
    plain, body = (
        create_body(SPEC),
        create_body(replace(SPEC, command=command, variables=variables, alias=alias, port=port)),
    )
    assert set(body) - {"Cmd"} == set(plain)
    assert set(body["HostConfig"]) == SET
    assert body["HostConfig"] == plain["HostConfig"]


def test_an_images_own_health_check_is_brought_within_bounds():
    second = 1_000_000_000
    wild = Healthcheck(("CMD", "true"), interval=1, timeout=3600 * second, retries=1000, start_period=10**15)
    clamped = clamp_healthcheck(wild)
    assert (clamped.interval, clamped.timeout, clamped.retries) == (10 * second, 30 * second, 20)
    assert clamped.start_period == 600 * second


@pytest.mark.engine
def test_every_key_the_engine_knows_is_classified(test_images):
    api = docker.APIClient(base_url=settings.ENVIRONMENT.engine_url, version="1.41")
    container = api.create_container(test_images["berth-test/silent:1"], host_config={})["Id"]
    try:
        known = set(api.inspect_container(container)["HostConfig"])
    finally:
        api.remove_container(container)
    assert known - SET - NEVER == set(), "classify it: set it in create_body, or never"
    assert set() == SET & NEVER


@pytest.mark.engine
def test_what_the_engine_made_is_compared_with_what_was_asked(test_images):
    api = docker.APIClient(base_url=settings.ENVIRONMENT.engine_url, version="1.41")
    body = create_body(replace(SPEC, image=test_images["berth-test/silent:1"], network="none"))
    del body["NetworkingConfig"]
    made = []

    def make(**changes: object) -> dict:
        changed = body | {"HostConfig": body["HostConfig"] | changes}
        made.append(api.create_container_from_config(changed)["Id"])
        return api.inspect_container(made[-1])

    try:
        assert security_drift(body, make()) == []
        assert "Privileged" in security_drift(body, make(Privileged=True))
        assert "CapAdd" in security_drift(body, make(CapAdd=["SYS_ADMIN"]))
        assert "PidMode" in security_drift(body, make(PidMode="host"))
        assert "mount /host" in security_drift(
            body, make(Mounts=[{"Type": "bind", "Source": "/tmp", "Target": "/host"}])
        )
    finally:
        for container in made:
            api.remove_container(container, force=True, v=True)
