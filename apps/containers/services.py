"""What people do with applications. Each function validates, writes, audits and enqueues in one transaction."""

import json
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Max

from apps.audit.actor import Actor
from apps.audit.services import record
from apps.containers.models import Application, Release, Variable
from apps.containers.needs import reserve
from apps.containers.strategy import Strategy
from apps.core.errors import Busy, InvalidInput, NotFound
from apps.engine.spec import ServiceSpec
from apps.images.reference import parse
from apps.networking.services import allot_network, claim_domain, default_host
from apps.nodes.services import local_node
from apps.operations.models import Kind, Operation, State
from apps.operations.services import enqueue
from apps.tenants.models import Tenant
from apps.tenants.names import check_slug
from apps.tenants.permissions import Permission

MAX_SLUG = 40
#: What whoever asked must still be allowed when the work begins.
_PERMISSIONS: Final = {
    Kind.DEPLOY: Permission.DEPLOY,
    Kind.STOP: Permission.MANAGE,
    Kind.START: Permission.MANAGE,
    Kind.RESTART: Permission.MANAGE,
    Kind.KILL: Permission.MANAGE,
    Kind.DELETE: Permission.DELETE,
}


@transaction.atomic
def create_application(
    tenant: Tenant, slug: str, spec: ServiceSpec, variables: dict[str, str], *, actor: Actor
) -> Operation:
    """Make the application with its network and address, and deploy it; returns the operation.

    Raises InvalidInput for a bad or taken name or an image reference outside the grammar, QuotaExceeded without room.
    """
    check_slug(slug, field="name", max_length=MAX_SLUG)
    parse(spec.image)
    node = local_node()
    network = allot_network(tenant, node)
    try:
        with transaction.atomic():
            application = Application.objects.create(
                tenant=tenant, node=node, slug=slug, spec_data=spec.model_dump(mode="json"), network=network
            )
    except IntegrityError as error:
        raise InvalidInput(f"{tenant.name} already has an application “{slug}”.", field="name") from error
    _set_address(application, spec)
    _write_variables(application, variables)
    record("application.create", actor=actor, tenant=tenant, target=application, image=spec.image)
    return deploy_application(application, actor=actor)


@transaction.atomic
def deploy_application(application: Application, *, actor: Actor, strategy: Strategy = Strategy.ROLLING) -> Operation:
    """Freeze the specification into the next release and deploy it.

    Raises Busy while something else runs, and QuotaExceeded where there is no room: rolling, both releases run for a
    while and need it both.
    """
    return _deploy(_locked(application), "application.deploy", actor=actor, strategy=strategy)


@transaction.atomic
def change_variables(
    application: Application,
    variables: dict[str, str],
    *,
    actor: Actor,
    strategy: Strategy = Strategy.ROLLING,
) -> Operation:
    """Replace all variables and deploy the next release with them."""
    application = _locked(application)
    application.variables.all().delete()
    _write_variables(application, variables)
    return _deploy(application, "application.variables", actor=actor, strategy=strategy, names=sorted(variables))


@transaction.atomic
def configure_application(
    application: Application, spec: ServiceSpec, *, actor: Actor, strategy: Strategy = Strategy.ROLLING
) -> Operation:
    """Change image, command, port or size, and deploy the next release with them."""
    parse(spec.image)
    application = _locked(application)
    before, application.spec_data = application.spec, spec.model_dump(mode="json")
    application.save(update_fields=["spec_data"])
    _set_address(application, spec)
    changes = {
        name: [getattr(before, name), getattr(spec, name)]
        for name in ServiceSpec.model_fields
        if getattr(before, name) != getattr(spec, name)
    }
    return _deploy(application, "application.configure", actor=actor, strategy=strategy, changes=changes)


def stop_application(application: Application, *, actor: Actor) -> Operation:
    return _act(application, Kind.STOP, actor=actor)


def start_application(application: Application, *, actor: Actor) -> Operation:
    _check_has_release(application)
    return _act(application, Kind.START, actor=actor)


def restart_application(application: Application, *, actor: Actor) -> Operation:
    _check_has_release(application)
    return _act(application, Kind.RESTART, actor=actor)


def kill_application(application: Application, *, actor: Actor) -> Operation:
    return _act(application, Kind.KILL, actor=actor)


def delete_application(application: Application, *, confirmed_name: str, actor: Actor) -> Operation:
    """Delete it with everything that is its own. Raises InvalidInput unless the name was typed."""
    if confirmed_name != application.slug:
        raise InvalidInput(
            f"Type the name “{application.slug}” to confirm; “{confirmed_name}” is not it.", field="name"
        )
    return _act(application, Kind.DELETE, actor=actor)


def reveal_variables(application: Application, *, actor: Actor) -> dict[str, str]:
    """The values in clear text; that somebody looked is in the audit log."""
    record("application.reveal-variables", actor=actor, tenant=application.tenant, target=application)
    return variables_of(application)


def variables_of(application: Application) -> dict[str, str]:
    return dict(application.variables.values_list("name", "value"))


@transaction.atomic
def _act(application: Application, kind: Kind, *, actor: Actor) -> Operation:
    operation = _enqueue(application, kind, actor=actor)
    if kind in {Kind.START, Kind.RESTART}:
        reserve(application)
    record(
        f"application.{kind.value}",
        actor=actor,
        tenant=application.tenant,
        target=application,
        operation_id=operation.pk,
    )
    return operation


def _locked(application: Application) -> Application:
    """The row as it is now; of two who change an application at once, one waits here for the other."""
    rows = Application.objects.select_related("tenant", "node", "domain", "release").select_for_update(of=("self",))
    found = rows.filter(pk=application.pk).first()
    if found is None:
        raise NotFound(f"{application} has been deleted meanwhile.")
    return found


def _deploy(application: Application, action: str, *, actor: Actor, strategy: Strategy, **data: Any) -> Operation:
    last = application.releases.aggregate(last=Max("number"))["last"] or 0
    release = Release.objects.create(
        application=application,
        number=last + 1,
        spec_data=application.spec_data,
        variables_data=json.dumps(variables_of(application)),
        created_by_id=actor.user_id,
        created_by_label=actor.label,
    )
    if application.attachments.exists():
        strategy = Strategy.RECREATE  # two containers on one volume would spoil its data
    operation = _enqueue(application, Kind.DEPLOY, actor=actor, release=release.pk, strategy=strategy.value)
    release.operation = operation
    release.save(update_fields=["operation"])
    reserve(application)
    _forget_unbegun(application)
    record(
        action,
        actor=actor,
        tenant=application.tenant,
        target=application,
        operation_id=operation.pk,
        release=release.number,
        **data,
    )
    return operation


def _forget_unbegun(application: Application) -> None:
    """What was replaced or cancelled before a worker took it up never was a release; its number is not used again."""
    application.releases.filter(operation__state=State.CANCELLED, operation__started_at=None).delete()


def _enqueue(application: Application, kind: Kind, *, actor: Actor, **payload: Any) -> Operation:
    return enqueue(
        kind,
        target=application.topic,
        target_label=application.slug,
        tenant=application.tenant,
        actor=actor,
        application_id=application.pk,
        permission=_PERMISSIONS[kind],
        **payload,
    )


def _check_has_release(application: Application) -> None:
    if application.release is None:
        raise Busy("No release has run yet. Deploy it first.", code="no-release")


def _set_address(application: Application, spec: ServiceSpec) -> None:
    """An application with a port has an address. It is given up when a release without a port serves, not before."""
    if spec.port is not None and application.domain is None:
        host = default_host(application.slug, application.tenant.slug)
        application.domain = claim_domain(application.tenant, host)
        application.save(update_fields=["domain"])


def _write_variables(application: Application, variables: dict[str, str]) -> None:
    Variable.objects.bulk_create(
        Variable(application=application, name=name, value=value) for name, value in variables.items()
    )
