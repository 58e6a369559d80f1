"""Allotting subnets and host names to tenants, and moving routes."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.core.errors import InvalidInput
from apps.networking import routes
from apps.networking.allocator import first_free
from apps.networking.errors import HostTaken
from apps.networking.models import Domain, Network, RefusedSubnet
from apps.nodes.models import Node
from apps.tenants.models import Tenant


@transaction.atomic
def allot_network(tenant: Tenant, node: Node) -> Network:
    """Give the tenant one more network on this node, in the caller's transaction; `NoSubnetLeft` if none is free."""
    return tenant.networks.create(node=node, subnet=_free_subnet(node))


@transaction.atomic
def replace_refused_subnet(network: Network) -> None:
    """Move the network to another subnet, and never offer the old one on this node again.

    For the worker, when the engine says that the range overlaps with something that the host already uses.
    """
    RefusedSubnet.objects.get_or_create(node=network.node, subnet=network.subnet)
    network.subnet = _free_subnet(network.node)
    network.save(update_fields=["subnet"])


def release_network(network: Network) -> None:
    """Return the subnet to the pool; the engine's network must be gone before."""
    network.delete()


def default_host(application_slug: str, tenant_slug: str) -> str:
    """The host name that an application has by itself. Slugs contain no `--`, so no two applications share one."""
    return f"{application_slug}--{tenant_slug}.{settings.ENVIRONMENT.apps_domain}"


def address_of(host: str) -> str:
    """The URL that visitors of the host open."""
    environment = settings.ENVIRONMENT
    return f"{environment.apps_scheme}://{host}{environment.apps_origin_suffix}/"


def claim_domain(tenant: Tenant, host: str) -> Domain:
    """Make the host name the tenant's; visitors see "not running" until an upstream is set."""
    if not routes.is_host(host) or host == settings.ENVIRONMENT.host:
        raise InvalidInput(f"“{host}” cannot be an application's host name.", code="host-invalid", field="host")
    try:
        with transaction.atomic():
            domain = tenant.domains.create(host=host)
    except IntegrityError as error:
        raise HostTaken(f"The address “{host}” is already in use.", field="host") from error
    _write_route_on_commit(host)
    return domain


def release_domain(domain: Domain) -> None:
    """Give the host name up; visitors see that it is unknown."""
    host = domain.host
    domain.delete()
    _write_route_on_commit(host)


def set_upstream(domain: Domain, upstream: str) -> None:
    """Route the host to `ip:port` from the next request on. The caller has seen that the container answers there."""
    if not routes.is_upstream(upstream):
        raise ValueError(f"not an upstream: {upstream!r}")
    _save_upstream(domain, upstream)


def clear_upstream(domain: Domain) -> None:
    """Take the route away: visitors see "not running"."""
    _save_upstream(domain, "")


def sync_routes() -> list[str]:
    """Make the files agree with the rows; returns the hosts that differed."""
    differing = routes.differing(dict(Domain.objects.values_list("host", "upstream")))
    for host in differing:
        _write_route(host)
    return differing


def _free_subnet(node: Node) -> str:
    # Allotments on one node take turns, so that no two see the same subnet free; the unique constraint is the proof.
    # `no_key` lets others refer to the node meanwhile. SQLite has one writer at a time anyway.
    Node.objects.select_for_update(no_key=True).get(pk=node.pk)
    allotted = node.networks.values_list("subnet", flat=True)
    refused = node.refused_subnets.values_list("subnet", flat=True)
    return str(first_free(settings.ENVIRONMENT.network_pool, chain(allotted, refused)))


def _save_upstream(domain: Domain, upstream: str) -> None:
    domain.upstream = upstream
    domain.save(update_fields=["upstream"])
    _write_route_on_commit(domain.host)


def _write_route_on_commit(host: str) -> None:
    transaction.on_commit(partial(_write_route, host))


def _write_route(host: str) -> None:
    """Write the file from the row as it is now.

    The row is read inside the lock: whoever writes last has seen the latest row, so a resync that began with older
    rows cannot bring an old route back.
    """
    with _locked(settings.ENVIRONMENT.run_dir / "routes.lock"):
        upstream = Domain.objects.filter(host=host).values_list("upstream", flat=True).first()
        if upstream is None:
            routes.forget(host)
        elif upstream:
            routes.publish(host, upstream)
        else:
            routes.withdraw(host)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file's lock against every other thread and process of this installation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
