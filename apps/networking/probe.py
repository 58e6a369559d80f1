"""Does a container answer, and does the proxy lead there? For the worker's last stages of a deploy."""

import socket
import ssl
from dataclasses import dataclass

import httpx
from django.conf import settings

from apps.networking.errors import ProxyUnreachable
from apps.networking.visitor_pages import ERROR_HEADER


@dataclass(frozen=True)
class RouteAnswer:
    """What a visitor gets: the status, and which of the proxy's own error pages it is, if it is one."""

    status: int
    error: str | None


def answers(address: str, port: int, timeout_s: float = 1) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        socket.create_connection((address, port), timeout_s).close()
    except OSError:
        return False
    return True


def verify_route(host: str, timeout_s: float = 10) -> RouteAnswer:
    """Ask the proxy as a visitor of `host` would, and read no more than the answer's header.

    Raises `ProxyUnreachable` if the proxy does not answer at all, over TLS also while the host has no certificate.
    """
    environment = settings.ENVIRONMENT
    # By address, since `*.localhost` resolves in browsers only, and the public name perhaps not from here.
    if environment.is_https:
        url = f"https://127.0.0.1:{environment.public_port}/"
    else:
        url = f"http://127.0.0.1:{environment.apps_port}/"
    try:
        with (
            httpx.Client(verify=_trusting_our_own_proxy(), timeout=timeout_s, trust_env=False) as client,
            client.stream("GET", url, headers={"Host": host}, extensions={"sni_hostname": host}) as answer,
        ):
            return RouteAnswer(answer.status_code, answer.headers.get(ERROR_HEADER))
    except httpx.HTTPError as error:
        raise ProxyUnreachable(f"The proxy does not answer for {host}: {error}") from error


def _trusting_our_own_proxy() -> ssl.SSLContext:
    """The connection stays on this machine; whether visitors trust the issuer is not the question here.

    No authorities are read, which would take longer than the visit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
