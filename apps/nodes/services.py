import hashlib
import secrets
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core.doorbell import ring
from apps.core.errors import NotFound
from apps.nodes.models import Installation, Node
from apps.operations.models import Kind, Operation
from apps.operations.services import enqueue
from apps.quotas.ledger import set_limits
from apps.quotas.resources import Resource


def installation() -> Installation:
    """This installation's row, made at the first call."""
    return Installation.objects.first() or Installation.objects.create()


def local_node() -> Node:
    """The node of the engine named by PANEL_ENGINE_URL, made at the first call."""
    url = settings.ENVIRONMENT.engine_url
    node, _ = Node.objects.get_or_create(name="local", defaults={"url": url})
    if node.url != url:
        node.url = url
        node.save(update_fields=["url"])
    return node


@transaction.atomic
def new_setup_token() -> str | None:
    """A one-time token for the first run, replacing an earlier one; None when the installation is set up."""
    ours = installation()
    if ours.is_set_up:
        return None
    token = secrets.token_urlsafe(24)
    ours.setup_token_hash = _hash(token)
    ours.save(update_fields=["setup_token_hash"])
    return token


def check_setup_token(token: str) -> Installation:
    """The installation, if this token opens its set-up; raises NotFound if not (or not any more)."""
    ours = installation()
    if ours.is_set_up or not secrets.compare_digest(ours.setup_token_hash, _hash(token)):
        raise NotFound("This set-up link is not valid (any more). `make up` prints a fresh one while it is needed.")
    return ours


def check_node(node: Node, *, actor: Actor) -> Operation:
    """Have the worker fill in the node's check-list."""
    operation = enqueue(
        Kind.CHECK_NODE, target=node.topic, target_label=node.name, tenant=None, actor=actor, node=node.pk
    )
    record("node.check", actor=actor, target=node, operation_id=operation.pk)
    return operation


@transaction.atomic
def commit_capacity(node: Node, *, cpu_ratio: Decimal, memory_ratio: Decimal, actor: Actor) -> None:
    """Change how many times the node's cores and memory may be promised to applications."""
    before = [str(node.cpu_ratio), str(node.memory_ratio)]
    node.cpu_ratio, node.memory_ratio = cpu_ratio, memory_ratio
    node.save(update_fields=["cpu_ratio", "memory_ratio"])
    apply_capacity(node)
    record("node.capacity", actor=actor, target=node, before=before, after=[str(cpu_ratio), str(memory_ratio)])


def apply_capacity(node: Node) -> None:
    """Tell the ledger what may be reserved on the node; nothing is limited while its size is not known."""
    if node.facts:
        cpu_millis = int(node.facts["cpus"] * 1000 * node.cpu_ratio)
        memory_bytes = int(node.facts["memory_bytes"] * node.memory_ratio)
        set_limits(node.account, {Resource.CPU: cpu_millis, Resource.MEMORY: memory_bytes})


def mark_seen(node: Node, error: str = "") -> None:
    """Note whether the engine answered just now; pages learn of it only when that changed."""
    was_reachable = node.is_reachable
    node.error = error[:300]
    if not error:
        node.seen_at = timezone.now()
    node.save(update_fields=["error", "seen_at"])
    if node.is_reachable != was_reachable:
        ring(node.topic)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
