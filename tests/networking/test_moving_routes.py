"""Routes move, the configuration is loaded again, Caddy restarts: nobody else's connection notices."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from django.core.management import call_command
from websockets.sync.client import connect

from apps.networking import proxy, routes
from apps.networking.errors import ProxyUnreachable
from apps.networking.probe import RouteAnswer, verify_route
from panel.env import Environment
from tests.support.proxy import free_port
from tests.support.upstreams import running_echo, running_upstream

HOST = "shop--acme.localhost"
OTHER = "chat--globex.localhost"
MOVES = 50
VISITORS = 4
PAUSE_S = 0.02  # four visitors at 50 requests a second each


def test_no_request_fails_while_a_route_moves_fifty_times(caddy):
    """Visitors ask without pause; after each move the very next request reaches the new container."""
    with running_upstream("old") as old, running_upstream("new") as new:
        routes.publish(HOST, old.address)
        with (
            visitors(f"http://127.0.0.1:{caddy.environment.apps_port}/") as seen,
            httpx.Client(headers={"Host": HOST}, trust_env=False) as client,
        ):
            for _ in range(MOVES // 2):
                for target in (new, old):
                    routes.publish(HOST, target.address)
                    assert client.get(f"http://127.0.0.1:{caddy.environment.apps_port}/").text == target.name
                    time.sleep(PAUSE_S)
    assert set(seen) == {"200 old", "200 new"}
    assert seen.total() >= MOVES


@contextmanager
def visitors(url: str) -> Iterator[Counter[str]]:
    """Several clients, each on a kept-alive connection; yields what they have seen, complete at the end."""
    seen: Counter[str] = Counter()
    is_over = threading.Event()

    def keep_visiting() -> None:
        with httpx.Client(headers={"Host": HOST}, trust_env=False) as client:
            while not is_over.wait(PAUSE_S):
                try:
                    answer = client.get(url)
                    seen[f"{answer.status_code} {answer.text}"] += 1
                except httpx.HTTPError as error:
                    seen[repr(error)] += 1

    threads = [threading.Thread(target=keep_visiting) for _ in range(VISITORS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_another_applications_websocket_survives_moves_and_a_repeated_load(caddy):
    address = f"ws://{OTHER}:{caddy.environment.apps_port}/"
    with running_echo() as echo, running_upstream("a") as a, running_upstream("b") as b:
        routes.publish(OTHER, echo)
        with connect(address, address=caddy.address, proxy=None) as chat:
            for turn in range(MOVES):
                routes.publish(HOST, (a, b)[turn % 2].address)
                chat.send(f"hello {turn}")
                assert chat.recv(timeout=10) == f"hello {turn}"
            assert [proxy.load_config(caddy.environment) for _ in range(2)] == [False, False]
            routes.withdraw(HOST)
            routes.forget(HOST)
            chat.send("still here")
            assert chat.recv(timeout=10) == "still here"


def test_an_open_connection_stays_with_the_container_that_it_began_with(caddy):
    with running_echo() as first, running_echo() as second:
        routes.publish(OTHER, first)
        address = f"ws://{OTHER}:{caddy.environment.apps_port}/"
        with connect(address, address=caddy.address, proxy=None) as chat:
            routes.publish(OTHER, second)
            chat.send("hello")
            assert chat.recv(timeout=10) == "hello"


@pytest.mark.usefixtures("caddy")
def test_load_proxy_twice_loads_once(tmp_path, settings, capsys):
    settings.ENVIRONMENT = Environment(data_dir=tmp_path, apps_port=free_port())
    call_command("load_proxy")
    call_command("load_proxy")
    assert capsys.readouterr().out.splitlines() == [
        "Caddy serves the new configuration.",
        "Caddy's configuration is current.",
    ]
    assert verify_route("nobody--acme.localhost") == RouteAnswer(404, "unknown-host")


def test_the_admin_socket_is_for_its_owner_only(caddy):
    assert proxy.admin_socket(caddy.environment).stat().st_mode & 0o777 == 0o600
    assert proxy.admin_socket(caddy.environment).parent.stat().st_mode & 0o777 == 0o700
    assert caddy.config["admin"]["listen"].startswith("unix//")


def test_a_configuration_that_caddy_refuses_is_reported_and_not_served(caddy):
    file = proxy.config_file(caddy.environment)
    file.write_text(file.read_text().replace('"static_response"', '"no_such_handler"'))
    with pytest.raises(ProxyUnreachable, match="no_such_handler"):
        proxy.load_config(caddy.environment)
    assert verify_route(HOST) == RouteAnswer(404, "unknown-host")


def test_a_caddy_that_is_not_there_is_reported(tmp_path):
    environment = Environment(data_dir=tmp_path)
    proxy.write_config(environment)
    with pytest.raises(ProxyUnreachable, match="does not answer"):
        proxy.load_config(environment, timeout_s=0.2)


@pytest.mark.parametrize("ending", ["terminate", "kill"])
def test_a_restarted_caddy_serves_from_the_files_alone(caddy, ending):
    """No panel process takes part: Caddy starts from its file, and the routes are where they were."""
    with running_upstream("app") as upstream:
        routes.publish(HOST, upstream.address)
        routes.withdraw(OTHER)
        getattr(caddy.process, ending)()
        caddy.process.wait(10)
        with pytest.raises(ProxyUnreachable):
            verify_route(HOST)
        caddy.start()
        assert verify_route(HOST) == RouteAnswer(200, None)
        assert verify_route(OTHER) == RouteAnswer(503, "not-running")
