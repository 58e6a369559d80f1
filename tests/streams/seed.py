"""An application whose container is one that the panel did not make, and people who may look at its log."""

import uuid

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from apps.accounts.models import User
from apps.audit.actor import SYSTEM
from apps.containers.models import Application, Container
from apps.engine.types import ContainerState
from apps.tenants.models import Tenant
from apps.tenants.permissions import Role
from apps.tenants.services import add_member
from tests.factories import make_application, make_spec, make_tenant, make_user, own_image


def session_of(user: User) -> str:
    """The key of a new session of this user."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def running_application(tenant: Tenant, slug: str, *container_ids: str) -> Application:
    """An application that these containers of the engine run."""
    own_image("httpd:1", "sha256:0")
    application = make_application(tenant, slug, make_spec())
    for container_id in container_ids:
        add_container(application, container_id)
    return application


def add_container(application: Application, container_id: str) -> Container:
    release = application.releases.latest("number")
    return Container.objects.create(
        application=application,
        release=release,
        name=uuid.uuid4().hex,
        address="10.204.0.2",
        engine_id=container_id,
        state=ContainerState.RUNNING,
    )


def seed(container_id: str, users: int) -> tuple[str, list[str]]:
    """The path of the log's socket and sessions of so many people who may open it."""
    tag = uuid.uuid4().hex[:8]
    people = [make_user(f"user-{tag}-{number}") for number in range(users)]
    tenant = make_tenant(f"bench-{tag}", people[0])
    for person in people[1:]:
        add_member(tenant, person, Role.VIEWER, actor=SYSTEM)
    running_application(tenant, "shop", container_id)
    return f"/ws/t/{tenant.slug}/applications/shop/logs/", [session_of(person) for person in people]
