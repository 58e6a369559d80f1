"""Which hosts and addresses of the internet a tenant may name: everything public, and nothing of the operator's own."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

# The IANA special-purpose registries (RFC 6890 and successors), multicast and the reserved block. Written out because
# `ipaddress.is_global` differs between patch releases of Python (CVE-2024-4032).
_SPECIAL_V4 = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Global unicast is the only public part of IPv6. Outside it lie ::1, ULA, link-local, multicast, ::ffff:0:0/96 (IPv4 in
# IPv6) and 64:ff9b::/96 (NAT64); inside it Teredo and 6to4 carry an IPv4 address too, which may be a private one.
_GLOBAL_V6 = ip_network("2000::/3")
_SPECIAL_V6 = tuple(ip_network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_LOCAL = tuple(
    ip_network(block)
    for block in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
# C libraries read `2130706433`, `0x7f.1` and `0177.0.0.1` as 127.0.0.1: a last label that is a number makes an address
# (https://url.spec.whatwg.org/#ends-in-a-number-checker).
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")


def is_public(address: Address) -> bool:
    """Whether anyone on the internet could reach this address too."""
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_V6 and not any(address in block for block in _SPECIAL_V6)
    return not any(address in block for block in _SPECIAL_V4)


def is_local(address: Address) -> bool:
    """Whether the address lies on this machine or in a private network, where plain HTTP may be tolerable."""
    return any(address in block for block in _LOCAL)


def literal_address(host: str) -> Address | None:
    """The address that `host` spells in the usual notation, or None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def objection_to_host(host: str) -> str | None:
    """Why this host (lower case) may not be contacted whatever it resolves to, as a clause; None if it may."""
    if ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]):
        return "it is an address, not a host name"
    if not _HOST.fullmatch(host):
        return "it is not a valid host name"
    if host == "localhost" or host.endswith(".localhost"):
        return "it is a name of this machine"
    if "." not in host:
        return "it is a name without a domain"
    return None
