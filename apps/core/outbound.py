"""The one HTTP client for hosts that others choose: registries and sign-in providers now, webhooks and git later.

The panel sits inside the operator's network, and what a tenant names must not become a way into it. A host is refused
by its name where that is enough (see `addresses`) and on any port but 443; otherwise it is resolved once, every answer
must be public, and the connection goes to exactly those answers, so a name that changes its mind between check and use
gains nothing. Hosts that the operator allowed by name are exempt. No redirect is followed, no proxy variable and no
credential file is read, and time is capped for the client's whole life, size for each answer.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Any, Self
from urllib.parse import urlsplit

import httpcore

from apps.core.addresses import Address, is_local, is_public, literal_address, objection_to_host

DEFAULT_PORTS = {"https": 443, "http": 80}
CONNECT_TIMEOUT_S = 5.0

Resolver = Callable[[str], Sequence[Address]]


class OutboundError(Exception):
    """There is no answer; `reason` is a clause for the caller's sentence, with “it” for the host."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HostRefused(OutboundError):
    """The panel's rules forbid contacting this host; nothing was sent."""


class HostUnreachable(OutboundError):
    """The host could not be found, connected to or understood."""


class NotTls(HostUnreachable):
    """The host accepted the connection but does not speak TLS."""


class TimedOut(HostUnreachable):
    """The client's time was used up."""


class AnswerTooLarge(OutboundError):
    """The answer's body is larger than the caller accepts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are in lower case; a repeated header's values are joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Url:
    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        return _authority(self.host, None if self.port == DEFAULT_PORTS[self.scheme] else self.port)


class Outbound:
    """A client for one piece of work: keeps its connections and its view of DNS until it is closed.

    `allowed` holds the operator's exemptions, `host` (its default ports) or `host:port`. `timeout_s` bounds everything
    from here on. `resolver`, `dialer` and `tls` are the ways out to DNS, TCP and the trusted authorities.
    """

    def __init__(
        self,
        *,
        allowed: Collection[str],
        timeout_s: float,
        resolver: Resolver | None = None,
        dialer: httpcore.NetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._deadline = _Deadline(timeout_s)
        self._gate = _Gate(frozenset(name.lower() for name in allowed), resolver or _ask_system, self._deadline)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or _system_tls(),
            network_backend=_GatedBackend(self._gate, dialer or httpcore.SyncBackend(), self._deadline),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def request(
        self, method: str, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status; else `OutboundError`."""
        parts = _split_url(url)
        if parts.scheme == "http" and not self._gate.tolerates_plain_http(parts.host, parts.port):
            raise HostRefused("it would be contacted without TLS")
        lines = {"Host": parts.authority, "User-Agent": "berth", "Accept-Encoding": "identity", **(headers or {})}
        if body:
            lines["Content-Length"] = str(len(body))
        # Built from the parts that were checked, so that no second parser can see another host in the same text.
        target = httpcore.URL(
            scheme=parts.scheme.encode(), host=parts.host.encode(), port=parts.port, target=parts.target.encode()
        )
        sending = self._pool.stream(method, target, headers=list(lines.items()), content=body or None)
        with _own_errors(self._deadline), sending as response:
            answer_headers = _join_headers(response.headers)
            answer_body = _read_capped(response.iter_stream(), max_bytes)
        return Answer(response.status, answer_headers, answer_body)

    def tolerates_plain_http(self, url: str) -> bool:
        """Whether this URL's host is allowed by name and lies on this machine or in a private network."""
        parts = _split_url(url)
        return self._gate.tolerates_plain_http(parts.host, parts.port)


class _Deadline:
    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._ends_at = time.monotonic() + timeout_s

    def left(self) -> float:
        """Seconds left, always positive."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> TimedOut:
        return TimedOut(f"it did not answer within {self._timeout_s:g} seconds")


class _Gate:
    """Decides which addresses a host stands for, once."""

    def __init__(self, allowed: frozenset[str], resolver: Resolver, deadline: _Deadline) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._deadline = deadline
        self._known: dict[str, tuple[Address, ...]] = {}

    def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """Where to connect for this host and port, or `HostRefused`."""
        if self._is_allowed(host, port):
            return self._resolve(host)
        if objection := objection_to_host(host):
            raise HostRefused(objection)
        if port != DEFAULT_PORTS["https"]:
            raise HostRefused(f"its port is {port}, not {DEFAULT_PORTS['https']}")
        addresses = self._resolve(host)
        # One private answer among public ones is an attempt too, and the engine would choose among them by itself.
        if not all(map(is_public, addresses)):
            raise HostRefused("it has an address that is not public")
        return addresses

    def tolerates_plain_http(self, host: str, port: int) -> bool:
        return self._is_allowed(host, port) and all(map(is_local, self._resolve(host)))

    def _is_allowed(self, host: str, port: int) -> bool:
        return _authority(host, port) in self._allowed or (
            port in DEFAULT_PORTS.values() and _authority(host, None) in self._allowed
        )

    def _resolve(self, host: str) -> tuple[Address, ...]:
        if host not in self._known:
            literal = literal_address(host)
            self._known[host] = (literal,) if literal else self._ask(host)
        return self._known[host]

    def _ask(self, host: str) -> tuple[Address, ...]:
        # `getaddrinfo` takes no timeout, and a tenant's own name server may be slow on purpose.
        outcomes: SimpleQueue[Sequence[Address] | None] = SimpleQueue()

        def ask() -> None:
            try:
                outcomes.put(self._resolver(host))
            except (OSError, UnicodeError):  # UnicodeError: a label longer than DNS has
                outcomes.put(None)

        threading.Thread(target=ask, name="outbound-dns", daemon=True).start()
        try:
            outcome = outcomes.get(timeout=self._deadline.left())
        except Empty:
            raise self._deadline.passed() from None
        if not outcome:
            raise HostUnreachable("its name is not known to DNS")
        return tuple(outcome)


class _GatedBackend(httpcore.NetworkBackend):
    """Connects to the gate's addresses only; TLS still names and verifies the host."""

    def __init__(self, gate: _Gate, dialer: httpcore.NetworkBackend, deadline: _Deadline) -> None:
        self._gate = gate
        self._dialer = dialer
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        reason = "it has no address"
        for address in self._gate.addresses(host, port):
            patience = min(CONNECT_TIMEOUT_S, self._deadline.left())
            try:
                stream = self._dialer.connect_tcp(str(address), port, patience, local_address, socket_options)
            except httpcore.ConnectTimeout:
                reason = "it did not accept a connection in time"
            except httpcore.ConnectError as error:
                refused = isinstance(error.__cause__, ConnectionRefusedError)
                reason = "it refused the connection" if refused else "it cannot be reached"
            else:
                return _TimedStream(stream, self._deadline)
        raise HostUnreachable(reason)


class _TimedStream(httpcore.NetworkStream):
    """Gives every read and write the time that is left, so that a peer which drips bytes gains none."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise HostUnreachable(f"its certificate is not valid ({error.__cause__.verify_message})") from error
            raise NotTls("it does not speak TLS") from error
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _own_errors(deadline: _Deadline) -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise deadline.passed() from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise HostUnreachable("it broke off or did not answer in HTTP") from error


def _split_url(url: str) -> _Url:
    """Read an absolute http(s) URL; user names and anything outside printable ASCII are refused."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise HostRefused("its address is not a valid URL") from error
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc or not _is_printable_ascii(url):
        raise HostRefused("its address is not a valid URL")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Url(parts.scheme, host, port if port is not None else DEFAULT_PORTS[parts.scheme], target)


def _is_printable_ascii(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def _authority(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def _join_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


def _read_capped(chunks: Iterable[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise AnswerTooLarge(f"its answer is larger than {max_bytes:,} bytes")
    return bytes(body)


def _ask_system(host: str) -> Sequence[Address]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [ip_address(entry[4][0]) for entry in found]


@cache
def _system_tls() -> ssl.SSLContext:
    """Trusts the system's authorities, as the engine does; reading them takes 20 ms, hence once."""
    return ssl.create_default_context()
