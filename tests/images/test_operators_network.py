"""A tenant's reference is no way into the operator's network: a canary there must never be called."""

from ipaddress import ip_address

import pytest

from apps.core.errors import PanelError
from apps.core.outbound import Outbound
from apps.engine.errors import RegistryNotAllowed
from apps.images.reference import parse
from apps.images.resolve import resolve, resolve_reference
from tests.support.web import Internet, serve

PUBLIC = "93.184.216.34"


@pytest.fixture
def canary():
    """A service of this machine that only the operator should reach."""
    with serve(lambda _: (200, {}, b"{}")) as running:
        yield running
    assert running.requests == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST", "app.localhost", "[::1]", "[::ffff:7f00:1]", "127.1", "2130706433",
     "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "redis", "127.0.0.1.0x"],
)  # fmt: skip
def test_a_service_of_this_machine_is_not_a_registry(canary, host):
    with pytest.raises(RegistryNotAllowed):
        resolve(f"{host}:{canary.port}/x:1", architecture="amd64", allowed=())


@pytest.mark.parametrize(
    "answer", ["127.0.0.1", "10.0.0.7", "192.168.1.1", "169.254.169.254", "::1", "fd00::1", "100.64.0.1"]
)
def test_a_public_name_for_a_private_address_is_refused(canary, answer):
    internet = Internet({f"{answer}:443": canary})
    with (
        Outbound(allowed=(), timeout_s=10, resolver=lambda _: [ip_address(answer)], dialer=internet) as outbound,
        pytest.raises(RegistryNotAllowed, match="not public"),
    ):
        resolve_reference(parse("inside.example/x:1"), architecture="amd64", outbound=outbound)
    assert internet.dialed == []


def test_a_name_that_turns_private_after_the_check_leads_nowhere(canary):
    answers = iter([PUBLIC, "127.0.0.1", "127.0.0.1"])
    internet = Internet({"127.0.0.1:443": canary})
    with (
        Outbound(allowed=(), timeout_s=10, resolver=lambda _: [ip_address(next(answers))], dialer=internet) as outbound,
        pytest.raises(PanelError),
    ):
        resolve_reference(parse("rebinding.example/x:1"), architecture="amd64", outbound=outbound)
    assert internet.dialed == [f"{PUBLIC}:443"]


def test_a_port_other_than_443_is_only_for_allowed_registries(canary):
    internet = Internet({f"{PUBLIC}:5000": canary})
    with (
        Outbound(allowed=(), timeout_s=10, resolver=lambda _: [ip_address(PUBLIC)], dialer=internet) as outbound,
        pytest.raises(RegistryNotAllowed, match="its port is 5000, not 443"),
    ):
        resolve_reference(parse("registry.example:5000/x:1"), architecture="amd64", outbound=outbound)


@pytest.mark.parametrize("lure", ["token", "blob", "manifest"])
def test_an_allowed_registry_cannot_send_the_panel_elsewhere(canary, lure):
    def answer(_):
        if lure == "token":
            return 401, {"WWW-Authenticate": f'Bearer realm="http://{canary.authority}/token"'}, b""
        return 307, {"Location": f"http://{canary.authority}/{lure}"}, b""

    with (
        serve(answer) as registry,
        pytest.raises(RegistryNotAllowed, match=rf"{canary.authority}, which may not be used"),
    ):
        resolve(f"{registry.authority}/x:1", architecture="amd64", allowed=[registry.authority])


def test_the_refusal_says_what_the_operator_can_do(canary):
    host = canary.authority
    with pytest.raises(RegistryNotAllowed) as refusal:
        resolve(f"{host}/shop/web:1", architecture="amd64", allowed=["127.0.0.1:1"])
    assert refusal.value.message == (
        f"The registry {host} may not be used for {host}/shop/web:1: it is an address, not a host name. "
        "The operator of this installation can allow a registry by name."
    )
