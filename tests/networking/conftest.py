from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from pytest_django import Settings

from panel.env import Environment
from tests.support.proxy import PrivateProxy, running_proxy

Visit = Callable[..., HTTPResponse]


@pytest.fixture
def environment(tmp_path: Path, settings: Settings) -> Environment:
    """The panel's settings, with a data folder of the test's own."""
    environment = Environment(data_dir=tmp_path, network_pool=IPv4Network("10.212.0.0/14"))
    settings.ENVIRONMENT = environment
    return environment


@pytest.fixture
def caddy(tmp_path: Path, settings: Settings) -> Iterator[PrivateProxy]:
    with running_proxy(tmp_path) as proxy:
        settings.ENVIRONMENT = proxy.environment
        yield proxy


@pytest.fixture
def visit(caddy: PrivateProxy) -> Visit:
    """Ask the proxy as a browser that was given this Host header; the answer's body is read."""

    def visit(host: str, path: str = "/", headers: dict[str, str] | None = None) -> HTTPResponse:
        connection = HTTPConnection(*caddy.address, timeout=10)
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        return connection.getresponse()

    return visit
