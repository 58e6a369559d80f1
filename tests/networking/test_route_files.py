import pytest

from apps.networking import routes

HOST = "shop--acme.localhost"

pytestmark = pytest.mark.usefixtures("environment")


def test_a_published_host_has_exactly_its_upstream():
    routes.publish(HOST, "10.212.0.2:80")
    routes.publish(HOST, "10.212.0.3:8080")
    assert routes.published() == {HOST: ("10.212.0.3:8080",)}


def test_a_withdrawn_host_stays_known():
    routes.publish(HOST, "10.212.0.2:80")
    routes.withdraw(HOST)
    assert routes.published() == {HOST: ()}


def test_a_forgotten_host_leaves_nothing():
    routes.publish(HOST, "10.212.0.2:80")
    routes.forget(HOST)
    assert routes.published() == {}
    assert list(routes.folder().iterdir()) == []


def test_doing_it_twice_is_harmless():
    for _ in range(2):
        routes.publish(HOST, "10.212.0.2:80")
    assert routes.published() == {HOST: ("10.212.0.2:80",)}
    for _ in range(2):
        routes.withdraw(HOST)
    assert routes.published() == {HOST: ()}
    for _ in range(2):
        routes.forget(HOST)
    assert routes.published() == {}


def test_only_what_differs_is_named():
    routes.publish("same--acme.localhost", "10.212.0.2:80")
    routes.withdraw("stopped--acme.localhost")
    routes.publish("moved--acme.localhost", "10.212.0.66:80")
    routes.publish("gone--acme.localhost", "10.212.0.130:80")
    desired = {
        "same--acme.localhost": "10.212.0.2:80",
        "stopped--acme.localhost": "",
        "moved--acme.localhost": "10.212.0.67:80",
        "new--acme.localhost": "",
    }
    assert routes.differing(desired) == ["gone--acme.localhost", "moved--acme.localhost", "new--acme.localhost"]


def test_what_the_proxy_cannot_be_asked_for_is_left_alone():
    (routes.folder() / "lost+found").mkdir(parents=True)
    assert routes.differing({}) == []


@pytest.mark.parametrize(
    "host",
    [
        "", ".", "..", "../x.localhost", "a/b.localhost", "/etc.localhost", "a.localhost/", "localhost", "*.localhost",
        "a..localhost", ".localhost", "a.localhost.", "A.localhost", "a_b.localhost", "-a.localhost", "a-.localhost",
        "a.localhost:80", "127.0.0.1", "[::1]", "ä.localhost", "a.localhost\n", "a\0.localhost", "a.1",
        "x" * 64 + ".localhost", "a." * 125 + "localhost",
    ],
)  # fmt: skip
def test_it_refuses_a_name_that_is_no_host(host):
    for change in (routes.withdraw, routes.forget, lambda name: routes.publish(name, "10.0.0.2:80")):
        with pytest.raises(ValueError, match="not a host name"):
            change(host)
    assert not routes.folder().exists()


@pytest.mark.parametrize(
    "upstream",
    [
        "", "10.0.0.2", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:65536", "10.0.0.2:080", "10.0.0.2:+80", "10.0.0.2:8_0",
        "10.0.0.02:80", "example.com:80", "../10.0.0.2:80", "[::1]:80", "10.0.0.2:80:80", "10.0.0.2:80\n",
        "10.0.0.2:٨٠",
    ],
)  # fmt: skip
def test_it_refuses_what_is_no_upstream(upstream):
    with pytest.raises(ValueError, match="not an upstream"):
        routes.publish(HOST, upstream)
    assert not routes.folder().exists()
