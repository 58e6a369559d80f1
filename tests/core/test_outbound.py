"""The one HTTP client for hosts that tenants choose: where it goes, where it never goes, and what it caps."""

import ssl
import threading
from ipaddress import ip_address

import pytest

from apps.core.outbound import AnswerTooLarge, HostRefused, HostUnreachable, NotTls, Outbound, TimedOut
from tests.support.certificates import make_certificate
from tests.support.web import Internet, serve, silence, talk

PUBLIC = "93.184.216.34"
NAME = "registry.example"


class Dns:
    """Answers each question with the next of its answers (the last for ever) and counts."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.questions: list[str] = []

    def __call__(self, host: str):
        self.questions.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ip_address(text) for text in answer]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), NAME)


@pytest.fixture(scope="module")
def tls(certificate):
    return ssl.create_default_context(cafile=str(certificate.certificate_file))


@pytest.fixture
def web(certificate):
    with serve(lambda request: (200, {"X-Seen": request.path}, b"hello"), certificate=certificate) as running:
        yield running


def reach(url, *, web=None, dns=None, allowed=(), timeout_s=10.0, tls=None, max_bytes=100, internet=None):
    internet = internet or Internet({f"{PUBLIC}:443": web} if web else {})
    with Outbound(
        allowed=allowed, timeout_s=timeout_s, resolver=dns or Dns([PUBLIC]), dialer=internet, tls=tls
    ) as outbound:
        return outbound.request("GET", url, max_bytes=max_bytes)


def test_it_reads_an_answer_of_a_public_host_whose_certificate_names_it(web, tls):
    answer = reach(f"https://{NAME}/v2/?n=1", web=web, tls=tls)
    assert (answer.status, answer.headers["x-seen"], answer.body) == (200, "/v2/?n=1", b"hello")
    assert web.requests[0].headers["host"] == NAME


def test_it_refuses_a_certificate_of_another_name(web, tls):
    with pytest.raises(HostUnreachable, match="certificate is not valid"):
        reach("https://other.example/", web=web, tls=tls)
    assert web.requests == []


def test_it_refuses_a_certificate_that_nobody_vouches_for(web):
    with pytest.raises(HostUnreachable, match="certificate is not valid"):
        reach(f"https://{NAME}/", web=web)


def test_it_resolves_once_so_a_name_cannot_change_its_mind(web, tls):
    dns = Dns([PUBLIC], ["127.0.0.1"])
    internet = Internet({f"{PUBLIC}:443": web})
    with Outbound(allowed=(), timeout_s=10, resolver=dns, dialer=internet, tls=tls) as outbound:
        outbound.request("GET", f"https://{NAME}/", max_bytes=100)
        outbound.request("GET", f"https://{NAME}./again", max_bytes=100)
    assert dns.questions == [NAME]
    assert set(internet.dialed) == {f"{PUBLIC}:443"}


def test_it_keeps_one_connection(web, tls):
    internet = Internet({f"{PUBLIC}:443": web})
    with Outbound(allowed=(), timeout_s=10, resolver=Dns([PUBLIC]), dialer=internet, tls=tls) as outbound:
        for path in "abc":
            outbound.request("GET", f"https://{NAME}/{path}", max_bytes=100)
    assert internet.dialed == [f"{PUBLIC}:443"]


def test_it_tries_the_next_address_where_one_refuses(web, tls):
    assert reach(f"https://{NAME}/", web=web, tls=tls, dns=Dns(["1.1.1.1", PUBLIC])).status == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://localhost/",
        "https://localhost./",
        "https://LOCALHOST/",
        "https://redis/",
        "https://registry.example:5000/",
        "http://registry.example/",
        "http://registry.example:443/",
        "https://user@registry.example/",
        "https://registry.example@127.0.0.1/",
        "https://registry.example\\@127.0.0.1/",
        "https://registry.example/\r\nX: y",
        "https://registry.example:99999/",
        "https://[bad/",
        "ftp://registry.example/",
        "file:///etc/passwd",
        "//registry.example/",
        "",
    ],
)
def test_it_refuses_without_asking_dns_or_dialing(url):
    dns, internet = Dns([PUBLIC]), Internet({})
    with pytest.raises(HostRefused):
        reach(url, dns=dns, internet=internet)
    assert (dns.questions, internet.dialed) == ([], [])


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["fe80::1%1"],
    ],
)
def test_it_refuses_a_name_with_any_address_that_is_not_public(answers):
    internet = Internet({})
    with pytest.raises(HostRefused, match="not public"):
        reach(f"https://{NAME}/", dns=Dns(answers), internet=internet)
    assert internet.dialed == []


def test_a_host_that_the_operator_allows_may_be_private_and_on_its_own_port():
    with serve(lambda _: (200, {}, b"ok")) as private:
        answer = reach(
            f"http://{private.authority}/", allowed=[private.authority], internet=Internet({private.authority: private})
        )
    assert answer.body == b"ok"


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.1:1", "localhost"])
def test_an_allowed_host_allows_no_other_port_or_name(allowed):
    with serve(lambda _: (200, {}, b"ok")) as private, pytest.raises(HostRefused):
        reach(f"http://{private.authority}/", allowed=[allowed], internet=Internet({private.authority: private}))
    assert private.requests == []


def test_an_allowed_host_at_a_public_address_still_needs_tls():
    with pytest.raises(HostRefused, match="without TLS"):
        reach("http://registry.example:5000/", allowed=["registry.example:5000"])


def test_it_says_that_a_host_does_not_speak_tls():
    with serve(lambda _: (200, {}, b"ok")) as plain, pytest.raises(NotTls):
        reach(f"https://{NAME}/", web=plain)


def test_it_follows_no_redirect(certificate, tls):
    with (
        serve(lambda _: (200, {}, b"secret")) as canary,
        serve(lambda _: (302, {"Location": f"http://{canary.authority}/"}, b""), certificate=certificate) as web,
    ):
        assert reach(f"https://{NAME}/", web=web, tls=tls).status == 302
    assert canary.requests == []


def test_it_ignores_proxy_variables(web, tls, monkeypatch):
    with silence() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.authority}")
        assert reach(f"https://{NAME}/", web=web, tls=tls).status == 200
    assert proxy.requests == []


def test_it_reads_no_more_than_it_was_asked_to(certificate, tls):
    with (
        serve(lambda _: (200, {}, b"x" * 101), certificate=certificate) as web,
        pytest.raises(AnswerTooLarge, match="100 bytes"),
    ):
        reach(f"https://{NAME}/", web=web, tls=tls)


def test_it_stops_reading_an_answer_without_end():
    def pour(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 100)

    with talk(pour) as web, pytest.raises(AnswerTooLarge):
        reach(f"http://{web.authority}/", allowed=[web.authority], internet=Internet({web.authority: web}))


def test_it_gives_up_on_a_host_that_says_nothing():
    with silence() as web, pytest.raises(TimedOut):
        reach(f"https://{NAME}/", web=web, timeout_s=0.2)


def test_it_gives_up_on_a_host_that_drips_its_answer():
    over = threading.Event()

    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.02):
            connection.sendall(b"x")

    with talk(drip) as web:
        with pytest.raises(TimedOut):
            reach(
                f"http://{web.authority}/",
                allowed=[web.authority],
                internet=Internet({web.authority: web}),
                timeout_s=0.4,
                max_bytes=100_000,
            )
        over.set()


def test_it_gives_up_on_a_name_server_that_does_not_answer():
    over = threading.Event()
    with pytest.raises(TimedOut):
        reach(f"https://{NAME}/", dns=lambda _: over.wait() and [], timeout_s=0.2)
    over.set()


def test_its_time_is_for_all_requests_together(web, tls):
    internet = Internet({f"{PUBLIC}:443": web})
    with Outbound(allowed=(), timeout_s=0.3, resolver=Dns([PUBLIC]), dialer=internet, tls=tls) as outbound:
        assert outbound.request("GET", f"https://{NAME}/", max_bytes=100).status == 200
        threading.Event().wait(0.3)
        with pytest.raises(TimedOut):
            outbound.request("GET", f"https://{NAME}/", max_bytes=100)


def test_it_says_that_a_name_is_unknown():
    def unknown(_):
        raise OSError("no such name")

    with pytest.raises(HostUnreachable, match="not known to DNS"):
        reach(f"https://{NAME}/", dns=unknown)


def test_a_label_that_dns_cannot_hold_is_an_unknown_name():
    with Outbound(allowed=(), timeout_s=10) as outbound, pytest.raises(HostUnreachable, match="not known to DNS"):
        outbound.request("GET", f"https://{'a' * 64}.example/", max_bytes=100)


def test_it_says_that_a_host_refuses_the_connection():
    with pytest.raises(HostUnreachable, match="refused the connection"):
        reach(f"https://{NAME}/")


@pytest.mark.parametrize(
    "greeting", [b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
)
def test_it_says_that_a_host_does_not_answer_in_http(greeting):
    def greet(connection):
        connection.recv(4096)
        connection.sendall(greeting)

    with talk(greet) as web, pytest.raises(HostUnreachable, match="broke off or did not answer in HTTP"):
        reach(f"http://{web.authority}/", allowed=[web.authority], internet=Internet({web.authority: web}))
