"""What real containers use comes into the hours, once, whatever happens to them or to the panel meanwhile."""

import socket
import threading
import time
import urllib.request

import pytest
from django.db import connection

from apps.engine.client import Engine
from apps.engine.errors import EngineTimeout, EngineUnreachable
from apps.engine.samples import sample_containers
from apps.metrics.models import DiskMeter, Meter, UsageHour
from apps.metrics.sampling import forget_old_usage, measure_disk, sample_usage
from apps.nodes.services import local_node
from apps.watcher.compare import resync
from panel.preparation import LOCAL_ENGINE
from tests.metrics.conftest import BUSY, docker, used
from tests.support.processes import WATCHER, eventually, running

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine", "images")]


def work_for(seconds: float) -> None:
    """Give a busy container time to use some."""
    time.sleep(seconds)


def test_what_a_busy_container_used_is_counted_from_its_start(acme, start):
    shop = start(acme, command=BUSY)
    work_for(1)
    sample_usage(local_node())
    meter = Meter.objects.get()
    counted = used(tenant=acme, application_id=shop.pk, application_slug="shop")
    assert counted.cpu_ms == meter.cpu_ms > 100
    assert meter.cpu_millis > 100
    assert meter.memory_bytes > 0
    assert counted.memory_kib_s == 0  # it has been seen only once

    work_for(1)
    sample_usage(local_node())
    later = used()
    assert later.cpu_ms == Meter.objects.get().cpu_ms > counted.cpu_ms
    assert later.memory_kib_s > 0


def test_what_it_sends_is_counted(acme, start):
    container = start(acme).containers.get()
    docker("exec", container.name, "dd", "if=/dev/zero", "of=/www/file", "bs=1M", "count=1")
    with urllib.request.urlopen(f"http://{container.address}:8080/file", timeout=10) as answer:
        assert len(answer.read()) == 1024**2
    sample_usage(local_node())
    assert used().egress_bytes == Meter.objects.get().sent_bytes > 1024**2


def test_a_sampler_that_begins_again_counts_only_what_came_since(acme, start):
    """Each call is a new start of the panel: all it knows is in the rows."""
    start(acme, command=BUSY)
    for _ in range(3):
        sample_usage(local_node())
        assert used().cpu_ms == Meter.objects.get().cpu_ms


def test_a_restart_of_the_container_is_counted_from_zero_once(acme, start, engine: Engine):
    container = start(acme, command=BUSY).containers.get()
    work_for(1)
    sample_usage(local_node())
    before = used().cpu_ms
    docker("restart", "-t", "0", container.name)
    work_for(2)  # it uses more than in its first life, so that the counter alone would not tell
    sample_usage(local_node())
    assert used().cpu_ms == before + Meter.objects.get().cpu_ms
    sample_usage(local_node())
    assert used().cpu_ms == before + Meter.objects.get().cpu_ms


def test_two_samplers_at_once_count_once(acme, start):
    start(acme, command=BUSY)
    work_for(1)

    def sample() -> None:
        try:
            sample_usage(local_node())
        finally:
            connection.close()

    for _ in range(3):
        samplers = [threading.Thread(target=sample) for _ in range(4)]
        for sampler in samplers:
            sampler.start()
        for sampler in samplers:
            sampler.join()
        assert used().cpu_ms == Meter.objects.get().cpu_ms > 0


def test_a_container_that_ended_adds_nothing(acme, start, engine: Engine):
    container = start(acme).containers.get()
    sample_usage(local_node())
    before = used()
    docker("kill", container.name)
    sample_usage(local_node())  # the row still says that it runs
    resync(engine, local_node())
    sample_usage(local_node())
    assert used() == before


def test_an_engine_that_is_away_leaves_everything_as_it_is(acme, start):
    start(acme)
    sample_usage(local_node())
    before = used()
    node = local_node()
    node.url = "unix:///nowhere.sock"
    with pytest.raises(EngineUnreachable):
        sample_usage(node)
    with pytest.raises(EngineUnreachable):
        measure_disk(node)
    assert used() == before


def test_every_application_is_counted_for_itself_and_its_own_tenant(acme, other, start):
    shop, theirs = start(acme, command=BUSY), start(other, "theirs", command=BUSY)
    work_for(1)
    sample_usage(local_node())
    rows = UsageHour.objects.values_list("tenant__slug", "application_id", "application_slug")
    assert set(rows) == {("acme", shop.pk, "shop"), ("other", theirs.pk, "theirs")}


def test_disk_is_what_volumes_and_writable_layers_hold(acme, start):
    container = start(acme, image="berth.internal/volume:1").containers.get()
    docker("exec", container.name, "dd", "if=/dev/zero", "of=/data/file", "bs=1M", "count=2")
    docker("exec", container.name, "dd", "if=/dev/zero", "of=/www/file", "bs=1M", "count=1")
    measure_disk(local_node())
    size = DiskMeter.objects.get().size_bytes
    assert 3 * 1024**2 <= size < 4 * 1024**2
    measure_disk(local_node())
    assert used().disk_kib_s >= 0


def test_what_is_gone_keeps_its_hours_but_no_meter(acme, start, settle):
    shop = start(acme, command=BUSY)
    sample_usage(local_node())
    measure_disk(local_node())
    before = used()
    container = shop.containers.get()
    docker("rm", "-f", container.name)
    container.delete()
    forget_old_usage()
    assert Meter.objects.exists()  # a sample under way may still need it
    Meter.objects.update(sampled_at="2020-01-01T00:00:00Z")
    shop.delete()
    forget_old_usage()
    assert not Meter.objects.exists()
    assert not DiskMeter.objects.exists()
    assert used() == before


def test_the_watcher_samples_by_itself_and_a_second_one_changes_nothing(acme, start):
    start(acme, command=BUSY)
    for _ in range(2):
        sampled_at = Meter.objects.values_list("sampled_at", flat=True).first()
        with running(*WATCHER):
            eventually(lambda before=sampled_at: Meter.objects.exclude(sampled_at=before).exists(), within_s=30)
            eventually(DiskMeter.objects.exists, within_s=60)
        assert used().cpu_ms == Meter.objects.get().cpu_ms


def test_one_container_that_is_gone_keeps_no_other_from_being_sampled(acme, start):
    container = start(acme).containers.get()
    assert set(sample_containers(LOCAL_ENGINE, ["0" * 64, container.engine_id])) == {container.engine_id}


def test_an_engine_that_is_frozen_is_left_after_a_while(acme, start, tmp_path, monkeypatch):
    start(acme)
    monkeypatch.setattr("apps.engine.stream.ANSWER_TIMEOUT_S", 0.5)
    node = local_node()
    node.url = f"unix://{tmp_path}/frozen.sock"
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(f"{tmp_path}/frozen.sock")
        frozen.listen()
        with pytest.raises(EngineTimeout):
            sample_usage(node)
    assert not Meter.objects.exists()
