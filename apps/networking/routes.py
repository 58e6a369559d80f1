"""The proxy's routes, as files: `<data>/routes/<host>/<ip>:<port>`.

The *name* of the empty file is the upstream. A folder without a file is a known application that does not run (503);
no folder is an unknown host (404). The proxy looks at every request, so a route moves without touching the proxy's
configuration, which would cut every open connection, and goes on working while the panel is down.
"""

import re
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from django.conf import settings

# The proxy matches Host headers with the same pattern: what cannot be published cannot be asked for either.
HOST_PATTERN = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST_LENGTH = 253


def is_host(host: str) -> bool:
    """Whether this is a lower-case DNS name of two labels or more, which no IP address and no path can be."""
    return len(host) <= HOST_LENGTH and re.fullmatch(HOST_PATTERN, host) is not None


def is_upstream(upstream: str) -> bool:
    """Whether this is `<IPv4 address>:<port>` in its canonical spelling."""
    address, _, port = upstream.partition(":")
    try:
        return upstream == f"{IPv4Address(address)}:{int(port)}" and 0 < int(port) < 65536
    except (AddressValueError, ValueError):
        return False


def folder() -> Path:
    return settings.ENVIRONMENT.data_dir / "routes"


def publish(host: str, upstream: str) -> None:
    """Send the visitors of `host` to `upstream` from the next request on; open connections stay where they are."""
    if not is_upstream(upstream):
        raise ValueError(f"not an upstream: {upstream!r}")
    place = _folder_of(host)
    place.mkdir(parents=True, exist_ok=True)
    (place / upstream).touch()  # before the old one goes, so that at every moment some route is there
    _empty(place, keep=upstream)


def withdraw(host: str) -> None:
    """Answer the visitors of `host` with "not running"."""
    place = _folder_of(host)
    place.mkdir(parents=True, exist_ok=True)
    _empty(place)


def forget(host: str) -> None:
    """Answer the visitors of `host` as those of any host that is not ours."""
    place = _folder_of(host)
    if place.is_dir():
        _empty(place)
        place.rmdir()


def published() -> dict[str, tuple[str, ...]]:
    """Every known host with its upstreams: none when it is withdrawn, one as a rule, two while a route moves."""
    root = folder()
    if not root.is_dir():
        return {}
    return {host: _upstreams(root / host) for host in (place.name for place in root.iterdir()) if is_host(host)}


def differing(desired: Mapping[str, str]) -> list[str]:
    """The hosts whose files are not what `desired` (host → upstream, or empty for withdrawn) says."""
    actual = published()
    wanted = {host: (upstream,) if upstream else () for host, upstream in desired.items()}
    return sorted(host for host in actual.keys() | wanted.keys() if actual.get(host) != wanted.get(host))


def _folder_of(host: str) -> Path:
    if not is_host(host):
        raise ValueError(f"not a host name: {host!r}")
    return folder() / host


def _upstreams(place: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(file.name for file in place.iterdir()))
    except FileNotFoundError:  # forgotten by another process since it was listed
        return ()


def _empty(place: Path, keep: str = "") -> None:
    for file in place.iterdir():
        if file.name != keep:
            file.unlink()
