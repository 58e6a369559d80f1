"""Which subnet a new application gets, and which address in it a new container. Pure arithmetic, no rows."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from apps.networking.errors import NoAddressLeft, NoSubnetLeft

APPLICATION_PREFIX = 26


def first_free(pool: IPv4Network, taken: Iterable[IPv4Network | str], prefix: int = APPLICATION_PREFIX) -> IPv4Network:
    """The lowest `/prefix` of the pool that overlaps nothing in `taken` (of any size); `NoSubnetLeft` if none does."""
    size = 1 << (32 - prefix)
    start, end = int(pool.network_address), int(pool.broadcast_address)
    for first, last in sorted(map(_bounds, taken)):
        if start + size <= first:
            break
        if last >= start:
            start = (last // size + 1) * size
    if start + size - 1 > end:
        raise NoSubnetLeft(f"All networks of {pool} are in use. Widen PANEL_NETWORK_POOL or delete applications.")
    return IPv4Network((start, prefix))


def next_address(subnet: IPv4Network | str, in_use: Iterable[str], after: str | None = None) -> str:
    """The first address following `after` (the one given last), round the subnet, that is not in use.

    Going round means that an address rests as long as possible, so nothing that still remembers the container before
    (a kept-alive connection, an ARP entry) reaches its successor. The gateway is the engine's, the first address.
    """
    subnet = IPv4Network(subnet)
    hosts = list(subnet.hosts())[1:]
    used = set(in_use)
    last = IPv4Address(after) if after else subnet.network_address
    for host in [*(host for host in hosts if host > last), *(host for host in hosts if host <= last)]:
        if str(host) not in used:
            return str(host)
    raise NoAddressLeft(f"All {len(hosts)} addresses of the application's network {subnet} are in use.")


def _bounds(network: IPv4Network | str) -> tuple[int, int]:
    network = IPv4Network(network)
    return int(network.network_address), int(network.broadcast_address)
