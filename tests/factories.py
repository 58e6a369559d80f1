"""The cast and their tenants, made by the same services that people's clicks call."""

from collections.abc import Collection
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from apps.accounts.http import actor_of
from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.containers import services
from apps.containers.models import Application
from apps.engine.spec import MIB, ServiceSpec
from apps.images.services import OWN_REGISTRY, register_own_image
from apps.operations.models import Operation
from apps.tenants.access import enter
from apps.tenants.impersonation import IN_SESSION, begin_impersonation
from apps.tenants.models import ApiToken, Impersonation, Tenant
from apps.tenants.permissions import OFFERED_TO_TOKENS, Permission, Role
from apps.tenants.plans import unlimited_plan
from apps.tenants.services import add_member, create_tenant
from apps.tenants.tokens import TokenWish, create_personal_token, create_tenant_token
from tests.support.visitor import PASSWORD


def make_user(name: str, **fields: bool) -> User:
    return User.objects.create_user(f"{name}@example.com", PASSWORD, name=name.title(), **fields)


def make_tenant(slug: str, owner: User, **members: User) -> Tenant:
    """An unlimited tenant with its owner, and further members by their role: `viewer=vera`."""
    tenant = create_tenant(slug.title(), slug, owner=owner, actor=SYSTEM, plan=unlimited_plan())
    for role, user in members.items():
        add_member(tenant, user, Role(role), actor=SYSTEM)
    return tenant


def own_image(tag: str, image_id: str) -> str:
    """Make an image of the engine one of the installation's own; returns the reference that deploys it."""
    name, _, version = tag.rpartition("/")[2].partition(":")
    reference = f"{OWN_REGISTRY}/{name}:{version}"
    register_own_image(reference, image_id, size_bytes=1, architecture="amd64")
    return reference


def make_spec(image: str = f"{OWN_REGISTRY}/httpd:1", port: int | None = 8080, **fields: object) -> ServiceSpec:
    values = {"image": image, "port": port, "memory_bytes": 32 * MIB, "cpu_millis": 250} | fields
    return ServiceSpec.model_validate(values)


def make_application(
    tenant: Tenant, slug: str = "shop", spec: ServiceSpec | None = None, **variables: str
) -> Application:
    """An application with its first deploy waiting."""
    services.create_application(tenant, slug, spec or make_spec(), variables, actor=SYSTEM)
    return tenant.applications.get(slug=slug)


def latest_operation(application: Application) -> Operation:
    return Operation.objects.filter(target=application.topic).latest("id")


def look_through(client: Client, operator: User, tenant: Tenant, member: User | None) -> Impersonation:
    """Let a signed-in operator look at a tenant, as their click in the console does."""
    session = client.session
    impersonation = begin_impersonation(
        tenant,
        operator=operator,
        member=member,
        reason="Ticket 7",
        session_key=session.session_key or "",
        actor=actor_of(operator, "192.0.2.1", "r"),
    )
    session[IN_SESSION] = impersonation.pk
    session.save()
    return impersonation


def make_token(
    tenant: Tenant,
    maker: User,
    name: str = "ci",
    *,
    is_personal: bool = False,
    abilities: Collection[Permission] | None = None,
    only: Collection[Application] | None = None,
) -> tuple[ApiToken, str]:
    """A token and its secret, by default with every ability that its maker can give, for 30 days."""
    access = enter(maker, tenant.slug)
    wish = TokenWish(
        name=name,
        abilities=frozenset(abilities or filter(access.allows_somewhere, OFFERED_TO_TOKENS)),
        application_ids=None if only is None else frozenset(application.pk for application in only),
        expires_at=timezone.now() + timedelta(days=30),
    )
    actor = actor_of(maker, "192.0.2.1", "r")
    if is_personal:
        return create_personal_token(tenant, maker, wish, actor=actor)
    return create_tenant_token(tenant, wish, actor=actor)
