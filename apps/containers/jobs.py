"""What the worker does with applications."""

import logging

from django.db import transaction

from apps.containers.erasure import erase_tenant, repeat_report
from apps.containers.models import Application, Container, DesiredState, Release
from apps.containers.observe import route, write_observation
from apps.containers.rollout import Rollout, remove_from_engine
from apps.containers.strategy import Strategy
from apps.containers.tenancy import hold, let_go
from apps.core.doorbell import ring
from apps.core.errors import PanelError
from apps.engine.body import STOP_TIMEOUT_S
from apps.engine.errors import EngineTimeout, EngineUnreachable, ObjectNotFound
from apps.images.services import find_image
from apps.networking.services import release_domain, release_network
from apps.nodes.engines import engine_for
from apps.nodes.services import installation
from apps.operations.lifecycle import Superseded
from apps.operations.models import Kind
from apps.operations.run import Run, job
from apps.tenants.access import NO_APPLICATION
from apps.tenants.models import Tenant
from apps.tenants.services import forget_application

logger = logging.getLogger(__name__)


@job(Kind.DEPLOY)
def deploy(run: Run) -> None:
    """Bring a release to run and to serve; whatever fails, the one before goes on serving."""
    release = Release.objects.select_related(*_RELEASE_PARTS).get(pk=run.operation.payload["release"])
    rollout = Rollout(run, release)
    application = release.application
    before = _release_before(release)
    try:
        run.step("resolve")
        if release.image is None:
            release.image = find_image(
                application.tenant, release.spec.image, architecture=application.node.architecture
            )
            release.save(update_fields=["image"])
        run.step("pull")
        facts = rollout.pull(release.image)
        run.step("create")
        container = rollout.create(facts)
        if facts.volumes or run.operation.payload["strategy"] == Strategy.RECREATE:
            # Two containers on one volume would spoil its data, or there is no room for both: the old one gives way.
            _stop_others(rollout, container)
        run.step("start")
        rollout.start(container)
        if release.spec.port:
            run.step("route")
            rollout.wait_until_ready(container)
            rollout.serve(release)
            run.step("verify")
            rollout.verify()
        else:
            rollout.wait_until_ready(container)
            rollout.serve(release)
            run.skip("route", "No port, so no address")
            run.skip("verify", "No port, so no address")
    except Superseded:
        raise
    except Exception:
        _undo(rollout, before)
        raise
    if others := list(application.containers.exclude(pk=container.pk)):
        run.step("retire", may_cancel=False)
        for other in others:
            rollout.remove(other)


@job(Kind.STOP)
def stop(run: Run) -> None:
    application = _application(run)
    run.step("stop", may_cancel=False)
    _want(application, DesiredState.STOPPED)
    for container in _engine_containers(application):
        engine_for(application.node).stop_container(container.engine_id, timeout_s=STOP_TIMEOUT_S)
        _note_stopped(container)


@job(Kind.KILL)
def kill(run: Run) -> None:
    application = _application(run)
    run.step("kill", may_cancel=False)
    _want(application, DesiredState.STOPPED)
    for container in _engine_containers(application):
        engine_for(application.node).kill_container(container.engine_id)
        _note_stopped(container)


@job(Kind.START)
def start(run: Run) -> None:
    _bring_back(run, restart=False)


@job(Kind.RESTART)
def restart(run: Run) -> None:
    _bring_back(run, restart=True)


@job(Kind.DELETE)
def delete(run: Run) -> None:
    """Everything that is the application's own goes: containers, network, volumes with their data, address, rows."""
    application = _find_application(run)
    if application is None:  # an attempt before this one did it
        return
    engine = engine_for(application.node)
    run.step("containers", may_cancel=False)
    _want(application, DesiredState.DELETED)
    ours = installation()
    for container in application.containers.all():
        remove_from_engine(engine, container, ours)
    run.step("network", may_cancel=False)
    engine.remove_network(application.network.name)
    run.step("volumes", may_cancel=False)
    volumes = [attachment.volume for attachment in application.attachments.select_related("volume")]
    for volume in volumes:
        engine.remove_volume(volume.name)
    run.check(now=True)
    with transaction.atomic():
        application_id, network, domain = application.pk, application.network, application.domain
        application.delete()
        forget_application(application_id)
        for volume in volumes:
            volume.delete()
        release_network(network)
        if domain is not None:
            release_domain(domain)
        ring(f"tenant:{application.tenant_id}")


@job(Kind.SUSPEND)
def suspend(run: Run) -> None:
    """Stop it, as long as its tenant is halted; that it is wanted stays, so that `resume` starts it again."""
    application = _find_application(run)
    if application is None or not hold(application):
        return
    run.step("stop", may_cancel=False)
    for container in _engine_containers(application):
        engine_for(application.node).stop_container(container.engine_id, timeout_s=STOP_TIMEOUT_S)
        _note_stopped(container)


@job(Kind.RESUME)
def resume(run: Run) -> None:
    """Start again what the halting of its tenant stopped; once tried it is held no more, but for an engine away."""
    application = _find_application(run)
    if application is None or application.tenant.is_halted or not application.is_held:
        return
    try:
        if application.desired_state == DesiredState.RUNNING:
            _bring_back(run, restart=False)
    except (Superseded, EngineUnreachable, EngineTimeout):
        raise
    except Exception:
        let_go(application)
        raise
    let_go(application)


@job(Kind.ERASE)
def erase(run: Run) -> None:
    tenant = Tenant.objects.filter(pk=run.operation.payload["tenant_id"]).first()
    if tenant is None:  # an attempt before this one did it
        repeat_report(run)
    else:
        erase_tenant(run, tenant)


def _bring_back(run: Run, *, restart: bool) -> None:
    """Start what is stopped (and, for a restart, stop it first); a container that is gone is made again."""
    application = _application(run)
    if application.release is None or application.release.image is None:
        raise ObjectNotFound("No release has run yet. Deploy it first.")
    release = Release.objects.select_related(*_RELEASE_PARTS).get(pk=application.release.pk)
    rollout = Rollout(run, release)
    run.step("pull")
    facts = rollout.pull(application.release.image)
    run.step("create")
    container = rollout.create(facts)
    _want(application, DesiredState.RUNNING)
    if restart and run.operation.attempt == 1:
        run.step("stop", may_cancel=False)
        rollout.stop(container)
    run.step("start", may_cancel=False)
    rollout.start(container)
    if release.spec.port:
        run.step("route")
        rollout.wait_until_ready(container)
        run.step("verify")
        rollout.verify()
    else:
        rollout.wait_until_ready(container)


def _release_before(release: Release) -> Release | None:
    """The release that serves now; or, where a lost attempt had moved the route already, the one that served then."""
    application = release.application
    if application.release_id != release.pk:
        return application.release
    old = application.containers.exclude(release=release).select_related("release").first()
    return old.release if old else None


def _undo(rollout: Rollout, before: Release | None) -> None:
    """The new container goes, the release before serves; a fault in doing so is logged, the first one is reported.

    The row tells of the container, also of one that a lost attempt made or that the engine refused half-way.
    """
    try:
        application = rollout.application
        if application.release_id != (before.pk if before else None):
            rollout.serve(before)
        for container in rollout.release.containers.all():
            rollout.remove(container)
        for old in _stopped_for_this(application):
            rollout.engine.start_container(old.engine_id)
            rollout.observe(old)
    except PanelError as error:
        logger.warning("undoing %s: %s", rollout.run.operation, error.message)


def _stop_others(rollout: Rollout, container: Container) -> None:
    for other in rollout.application.containers.exclude(pk=container.pk):
        rollout.stop(other)


def _stopped_for_this(application: Application) -> list[Container]:
    """The live release's container, when the application should run and it does not."""
    if application.desired_state != DesiredState.RUNNING or application.release_id is None:
        return []
    return [c for c in application.containers.filter(release=application.release_id) if c.was_stopped and c.engine_id]


def _want(application: Application, state: DesiredState) -> None:
    """Write what should be, and take the route away at once where nothing should run."""
    with transaction.atomic():
        application.desired_state = state
        application.is_held = application.is_held and state == DesiredState.RUNNING
        application.save(update_fields=["desired_state", "is_held"])
        route(application)
        ring(application.topic, f"tenant:{application.tenant_id}")


def _note_stopped(container: Container) -> None:
    write_observation(container, engine_for(container.application.node).container(container.name), was_stopped=True)


def _application(run: Run) -> Application:
    found = _find_application(run)
    if found is None:
        raise ObjectNotFound("The application does not exist any more.")
    return found


def _find_application(run: Run) -> Application | None:
    application_id = run.operation.application_id or NO_APPLICATION
    return Application.objects.select_related(*_APPLICATION_PARTS).filter(pk=application_id).first()


def _engine_containers(application: Application) -> list[Container]:
    return [container for container in application.containers.all() if container.engine_id]


_APPLICATION_PARTS = ("tenant", "node", "network", "domain", "release")
_RELEASE_PARTS = ("image", *(f"application__{part}" for part in _APPLICATION_PARTS))
