"""The panel and the applications over TLS, with Caddy's own authority in place of a public one."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings
from websockets.sync.client import connect

from apps.networking import proxy, routes
from apps.networking.errors import ProxyUnreachable
from apps.networking.probe import RouteAnswer, verify_route
from apps.networking.services import address_of, default_host
from panel.env import Environment
from tests.support.proxy import PrivateProxy, free_port, running_proxy
from tests.support.upstreams import Upstream, running_echo, running_upstream

PANEL = "panel.example"
HOST = "shop--acme.apps.example"
PANEL_PORT = 8000
HTTPS: dict[str, Any] = {"base_url": f"https://{PANEL}", "apps_domain": "apps.example", "tls_issuer": "internal"}


@pytest.fixture
def panel() -> Iterator[Upstream]:
    with running_upstream("panel") as upstream:
        yield upstream


@pytest.fixture
def secure(tmp_path: Path, settings: Settings, panel: Upstream) -> Iterator[PrivateProxy]:
    options = {**HTTPS, "base_url": f"https://{PANEL}:{free_port()}"}
    with running_proxy(tmp_path, adjust={f"127.0.0.1:{PANEL_PORT}": panel.address}, **options) as private:
        settings.ENVIRONMENT = private.environment
        yield private


def trusting(data_dir: Path) -> ssl.SSLContext:
    """A browser that trusts the installation's own authority, and nothing else."""
    return ssl.create_default_context(cafile=data_dir / "caddy" / "pki" / "authorities" / "local" / "root.crt")


def get(private: PrivateProxy, host: str, **headers: str) -> httpx.Response:
    """Ask as a browser does, whose resolver leads every name to the proxy; the certificate is checked."""
    _, port = private.address
    with httpx.Client(verify=trusting(private.environment.data_dir), trust_env=False) as client:
        return client.get(
            f"https://127.0.0.1:{port}/",
            headers={"Host": f"{host}:{port}", **headers},
            extensions={"sni_hostname": host},
        )


def test_the_panel_answers_at_its_address(secure):
    assert get(secure, PANEL).text == "panel"


def test_the_panel_learns_from_caddy_alone_who_asks(secure, panel):
    get(secure, PANEL, **{"X-Forwarded-For": "203.0.113.1", "X-Forwarded-Proto": "http"})
    headers = panel.requests[0][1]
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "https"


def test_a_known_application_gets_its_certificate_when_first_visited(secure):
    with running_upstream("shop") as upstream:
        routes.publish(HOST, upstream.address)
        assert get(secure, HOST).text == "shop"
        assert upstream.requests[0][1]["X-Forwarded-Proto"] == "https"
        assert verify_route(HOST) == RouteAnswer(200, None)


def test_a_stopped_application_keeps_its_certificate(secure):
    routes.withdraw(HOST)
    assert get(secure, HOST).status_code == 503
    assert verify_route(HOST) == RouteAnswer(503, "not-running")


@pytest.mark.usefixtures("secure")
@pytest.mark.parametrize("host", ["unknown--acme.apps.example", "apps.example", "evil.example", "sub.panel.example"])
def test_an_unknown_host_gets_no_certificate(host):
    routes.withdraw(HOST)
    with pytest.raises(ProxyUnreachable):
        verify_route(host)


def test_the_name_of_the_certificate_is_the_name_asked_for(secure):
    """A browser whose connection is for one host cannot ask for another on it."""
    with running_upstream("shop") as upstream:
        routes.publish(HOST, upstream.address)
        assert get(secure, PANEL, Host=HOST).status_code == 421
        assert upstream.requests == []


def test_a_websocket_goes_through_to_the_panel(tmp_path):
    options = {**HTTPS, "base_url": f"https://{PANEL}:{free_port()}"}
    with (
        running_echo() as panel,
        running_proxy(tmp_path, adjust={f"127.0.0.1:{PANEL_PORT}": panel}, **options) as private,
    ):
        url = f"wss://{PANEL}:{private.environment.public_port}/ws/"
        with connect(url, address=private.address, ssl=trusting(tmp_path), proxy=None) as live:
            live.send("hello")
            assert live.recv(timeout=10) == "hello"


def test_applications_are_served_while_the_panel_is_down(tmp_path, settings):
    options = {**HTTPS, "base_url": f"https://{PANEL}:{free_port()}"}
    with (
        running_upstream("shop") as upstream,
        running_proxy(tmp_path, adjust={f"127.0.0.1:{PANEL_PORT}": f"127.0.0.1:{free_port()}"}, **options) as private,
    ):
        settings.ENVIRONMENT = private.environment
        routes.publish(HOST, upstream.address)
        assert get(private, HOST).text == "shop"
        assert get(private, PANEL).headers["Berth-Error"] == "unreachable"


def test_plain_http_leads_to_https(tmp_path):
    plain, secure = free_port(), free_port()
    elsewhere = {'":80"': f'"127.0.0.1:{plain}"', '":443"': f'"127.0.0.1:{secure}"'}
    with running_proxy(tmp_path, adjust=elsewhere, **HTTPS):
        answer = httpx.get(f"http://127.0.0.1:{plain}/a?b=c", headers={"Host": HOST}, trust_env=False)
        assert answer.status_code == 308
        assert answer.headers["Location"] == f"https://{HOST}/a?b=c"
        assert "Server" not in answer.headers


def test_only_the_usual_port_has_a_plain_one_beside_it(tmp_path):
    usual = proxy.build_config(Environment(data_dir=tmp_path, **HTTPS))["apps"]["http"]["servers"]
    other = proxy.build_config(Environment(data_dir=tmp_path, **{**HTTPS, "base_url": f"https://{PANEL}:8443"}))
    assert usual["https"]["listen"] == [":443"]
    assert usual["redirect"]["listen"] == [":80"]
    assert other["apps"]["http"]["servers"]["https"]["listen"] == [":8443"]
    assert "redirect" not in other["apps"]["http"]["servers"]


def test_a_public_installation_asks_a_public_authority(tmp_path):
    config = proxy.build_config(Environment(data_dir=tmp_path, **{**HTTPS, "tls_issuer": "acme"}))
    policies = config["apps"]["tls"]["automation"]["policies"]
    assert [policy["issuers"] for policy in policies] == [[{"module": "acme"}]] * 2


def test_nothing_but_the_public_ports_listens_beyond_loopback(secure):
    servers = secure.config["apps"]["http"]["servers"]
    assert servers["ask"]["listen"][0].startswith("127.0.0.1:")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 2019))


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({"apps_port": 8080}, "http://shop--acme.localhost:8080/"),
        ({"apps_port": 80}, "http://shop--acme.localhost/"),
        (HTTPS, "https://shop--acme.apps.example/"),
        ({**HTTPS, "base_url": f"https://{PANEL}:8443"}, "https://shop--acme.apps.example:8443/"),
    ],
)
def test_the_address_that_people_open(settings, options, address):
    settings.ENVIRONMENT = Environment(**options)
    assert address_of(default_host("shop", "acme")) == address
