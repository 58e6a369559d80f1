"""What visitors of applications get from a real Caddy."""

import base64
import hashlib
import platform
import re
import socket
from http.client import HTTPResponse

import pytest

from apps.networking import routes
from apps.networking.probe import RouteAnswer, answers, verify_route
from apps.networking.visitor_pages import VisitorError
from tests.support.proxy import free_port, running_proxy
from tests.support.upstreams import running_echo, running_upstream

HOST = "shop--acme.localhost"
OTHER = "blog--acme.localhost"


def page_of(response: HTTPResponse) -> str:
    """Every page of the proxy's own: small, not cached, self-contained, with a policy that forbids all else."""
    body = response.read().decode()
    assert len(body) < 2000
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    style = hashlib.sha256(body.partition("<style>")[2].partition("</style>")[0].encode()).digest()
    policy = f"default-src 'none'; style-src 'sha256-{base64.b64encode(style).decode()}'; frame-ancestors 'none'"
    assert response.headers["Content-Security-Policy"] == policy
    assert not re.search(r"""\b(src|href|url)\b""", body)
    assert "Server" not in response.headers
    return body


def test_an_application_answers_at_its_host(visit):
    with running_upstream("release 1") as upstream:
        routes.publish(HOST, upstream.address)
        response = visit(HOST, "/cart?item=1")
        assert (response.status, response.read()) == (200, b"release 1")
        assert upstream.requests[0][0] == "/cart?item=1"


def test_visitors_of_a_stopped_application_learn_no_name(visit):
    routes.withdraw(HOST)
    response = visit(HOST)
    page = page_of(response)
    assert response.status == 503
    assert response.headers["Berth-Error"] == VisitorError.NOT_RUNNING
    assert int(response.headers["Retry-After"]) > 0
    assert "not running" in page
    assert "acme" not in page
    assert "shop" not in page


def test_an_unknown_host_is_not_found(visit):
    response = visit("nobody--acme.localhost")
    page_of(response)
    assert response.status == 404
    assert response.headers["Berth-Error"] == VisitorError.UNKNOWN_HOST
    assert "Retry-After" not in response.headers


def test_a_dead_upstream_is_unreachable(visit):
    routes.publish(HOST, f"127.0.0.1:{free_port()}")
    response = visit(HOST)
    page = page_of(response)
    assert response.status == 503
    assert response.headers["Berth-Error"] == VisitorError.UNREACHABLE
    assert "127.0.0.1" not in page


def test_an_upstream_that_never_answers_is_a_timeout(tmp_path, settings):
    with (
        running_proxy(
            tmp_path, adjust={'"response_header_timeout": "60s"': '"response_header_timeout": "200ms"'}
        ) as proxy,
        running_upstream("asleep", silent=True) as upstream,
    ):
        settings.ENVIRONMENT = proxy.environment
        routes.publish(HOST, upstream.address)
        assert verify_route(HOST) == RouteAnswer(504, VisitorError.UNREACHABLE)


def test_a_client_that_hangs_up_harms_nobody(caddy, visit):
    with running_upstream("slow", silent=True) as slow, running_upstream("other") as other:
        routes.publish(HOST, slow.address)
        routes.publish(OTHER, other.address)
        for _ in range(20):
            with socket.create_connection(caddy.address) as client:
                client.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert visit(OTHER).read() == b"other"


def test_a_crashed_application_is_served_again_when_it_is_back(visit):
    routes.publish(HOST, f"127.0.0.1:{free_port()}")
    assert visit(HOST).status == 503
    with running_upstream("back") as upstream:
        routes.publish(HOST, upstream.address)
        assert visit(HOST).read() == b"back"


@pytest.mark.parametrize("status_header", ["not-running", "unknown-host", "unreachable"])
def test_an_application_cannot_pose_as_the_proxy(visit, status_header):
    with running_upstream("fake", answer_headers={"Berth-Error": status_header}) as upstream:
        routes.publish(HOST, upstream.address)
        assert "Berth-Error" not in visit(HOST).headers
        assert verify_route(HOST) == RouteAnswer(200, None)


def test_an_application_keeps_its_own_server_header(visit):
    with running_upstream("own") as upstream:
        routes.publish(HOST, upstream.address)
        assert visit(HOST).headers.get_all("Server") == [f"BaseHTTP/0.6 Python/{platform.python_version()}"]


def test_a_client_cannot_forge_where_it_comes_from(visit):
    forged = {
        "X-Forwarded-For": "203.0.113.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X_Forwarded_For": "203.0.113.2",
        "x-real-ip": "203.0.113.3",
        "Forwarded": "for=203.0.113.4",
        "True-Client-IP": "203.0.113.5",
        "x_real_ip": "203.0.113.6",
    }
    with running_upstream("app") as upstream:
        routes.publish(HOST, upstream.address)
        visit(HOST, headers=forged).read()
        visit(HOST, headers={**forged, "Connection": "X-Forwarded-For, X-Forwarded-Proto"}).read()
        for _, headers in upstream.requests:
            assert headers["X-Forwarded-For"] == "127.0.0.1"
            assert headers["X-Forwarded-Proto"] == "http"
            assert headers["X-Forwarded-Host"] == headers["Host"] == HOST
            assert not [name for name, value in headers.items() if "203.0.113" in value or "evil" in value]


def test_hop_headers_stay_on_their_hop(visit):
    with running_upstream("app", answer_headers={"Keep-Alive": "timeout=99", "Proxy-Authenticate": "x"}) as upstream:
        routes.publish(HOST, upstream.address)
        response = visit(
            HOST, headers={"Connection": "X-Secret", "X-Secret": "1", "Proxy-Authorization": "x", "TE": "x"}
        )
        assert not {"Keep-Alive", "Proxy-Authenticate"} & set(response.headers)
        assert not {"X-Secret", "Proxy-Authorization", "Te"} & set(upstream.requests[0][1])


HOST_TRICKS = [
    "", "..", "../shop--acme.localhost", "*", "*.localhost", "shop--acme.localhos?", "shop--acme.[l]ocalhost",
    "{http.regexp.host.1}", "%2e%2e", "shop--acme.localhost/", "shop--acme.localhost/..", ".", "localhost",
    "SHOP--ACME.LOCALHOST", "shop--acme.localhost.", "shop--acme.localhost:http", "shop--acme.localhost:80:80",
    "shop--acme.localhost,blog--acme.localhost", "127.0.0.1", "[::1]", "[::1]:8080", "a" * 300 + ".localhost",
    "a." * 2000 + "localhost",
]  # fmt: skip


@pytest.mark.parametrize("host", HOST_TRICKS, ids=lambda host: host[:30] or "empty")
def test_no_trick_with_the_host_reaches_an_application(caddy, host):
    with running_upstream("app") as upstream:
        routes.publish(HOST, upstream.address)
        routes.publish(OTHER, upstream.address)
        assert _status_of(caddy.address, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n") in {400, 404}
        assert upstream.requests == []


@pytest.mark.parametrize(
    "request_line", ["GET / HTTP/1.0", "GET /shop--acme.localhost HTTP/1.0", "GET //shop--acme.localhost/ HTTP/1.0"]
)
def test_no_host_at_all_is_an_unknown_one(caddy, request_line):
    with running_upstream("app") as upstream:
        routes.publish(HOST, upstream.address)
        assert _status_of(caddy.address, f"{request_line}\r\n\r\n") == 404


def test_a_port_behind_the_host_is_nothing_special(caddy, visit):
    with running_upstream("app") as upstream:
        routes.publish(HOST, upstream.address)
        assert visit(f"{HOST}:{caddy.address[1]}").read() == b"app"
        assert upstream.requests[0][1]["Host"] == f"{HOST}:{caddy.address[1]}"


def test_enormous_headers_are_refused(caddy):
    with running_upstream("app") as upstream:
        routes.publish(HOST, upstream.address)
        request = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Long: {'x' * 64_000}\r\nConnection: close\r\n\r\n"
        assert _status_of(caddy.address, request) == 431
        assert upstream.requests == []


def test_the_path_never_chooses_the_file(visit):
    with running_upstream("app") as upstream:
        routes.publish(HOST, upstream.address)
        routes.withdraw(OTHER)
        for path in (f"/../{HOST}/", f"/%2e%2e/{HOST}/{upstream.address}", f"/{HOST}/*", "/{http.regexp.host.1}"):
            assert visit(OTHER, path).headers["Berth-Error"] == VisitorError.NOT_RUNNING
        assert upstream.requests == []


def test_the_probe_sees_who_listens():
    with running_echo() as address:
        ip, port = address.split(":")
        assert answers(ip, int(port))
    assert not answers("127.0.0.1", free_port())


def _status_of(address: tuple[str, int], request: str) -> int:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(request.encode())
        return int(client.makefile("rb").readline().split()[1])
