"""What it costs the watcher to sample the use of many containers, and to count it."""

import os
import subprocess
import time

import django

CONTAINERS = 50
ROUNDS = 10
LABEL = f"berth-bench={os.getpid()}"


def run() -> dict[str, float]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
    django.setup()
    command = ["docker", "run", "-d", "--label", LABEL, "berth-test/silent:1"]
    try:
        return measure([subprocess.check_output(command, text=True).strip() for _ in range(CONTAINERS)])
    finally:
        found = subprocess.check_output(["docker", "ps", "-aq", "--filter", f"label={LABEL}"], text=True).split()
        subprocess.run(["docker", "rm", "-f", *found], check=True, stdout=subprocess.DEVNULL)


def measure(engine_ids: list[str]) -> dict[str, float]:
    """CPU time of this process alone: what the engine does for it is the engine's."""
    # Only after the set-up of Django.
    from django.core.management import call_command  # noqa: PLC0415

    from apps.metrics.sampling import sample_usage  # noqa: PLC0415
    from apps.nodes.services import local_node  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    seed(engine_ids)
    sample_usage(local_node())  # makes the meters
    cpu, began = time.process_time(), time.perf_counter()
    for _ in range(ROUNDS):
        sample_usage(local_node())
    cpu_ms = (time.process_time() - cpu) * 1000
    return {
        "sampling_cpu_ms_per_container": cpu_ms / ROUNDS / CONTAINERS,
        "sampling_round_s": (time.perf_counter() - began) / ROUNDS,
    }


def seed(engine_ids: list[str]) -> None:
    """Rows of an application for each container."""
    from apps.containers.models import Application, Container, Release  # noqa: PLC0415
    from apps.networking.models import Network  # noqa: PLC0415
    from apps.nodes.services import local_node  # noqa: PLC0415
    from apps.tenants.models import Tenant  # noqa: PLC0415

    node, tenant = local_node(), Tenant.objects.create(name="Acme", slug="acme")
    for number, engine_id in enumerate(engine_ids):
        network = Network.objects.create(tenant=tenant, node=node, subnet=f"10.0.{number}.0/26")
        application = Application.objects.create(
            tenant=tenant, node=node, slug=f"app-{number}", spec_data={}, network=network
        )
        release = Release.objects.create(application=application, number=1, spec_data={}, created_by_label="bench")
        Container.objects.create(
            application=application, release=release, name=f"c-{number}", address="10.0.0.2",
            engine_id=engine_id, state="running",
        )  # fmt: skip
