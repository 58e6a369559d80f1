"""Subnets and host names are rows; the routes' files follow them."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from itertools import combinations

import pytest
from django.db import IntegrityError, connection, transaction

from apps.core.errors import InvalidInput
from apps.networking import routes, services
from apps.networking.errors import HostTaken, NoSubnetLeft
from apps.networking.models import Domain, Network
from apps.nodes.models import Node
from panel.env import Environment

HOST = "shop--acme.localhost"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("environment")]


@pytest.fixture
def node() -> Node:
    return Node.objects.create(name="local", url="unix:///nowhere")


def test_each_application_gets_a_network_of_its_own(acme, other, node):
    networks = [services.allot_network(tenant, node) for tenant in (acme, other, acme)]
    assert [network.subnet for network in networks] == ["10.212.0.0/26", "10.212.0.64/26", "10.212.0.128/26"]
    assert [network.tenant for network in networks] == [acme, other, acme]
    assert len({network.name for network in networks}) == 3


def test_two_nodes_have_the_same_pool_each(acme, node):
    second = Node.objects.create(name="second", url="unix:///elsewhere")
    assert services.allot_network(acme, node).subnet == services.allot_network(acme, second).subnet


def test_the_interface_is_one_that_the_firewall_rule_matches(acme, node):
    interface = services.allot_network(acme, node).interface
    assert interface.startswith("t-")
    assert len(interface) == 12
    assert len(interface) <= 15  # the kernel's IFNAMSIZ


def test_a_released_subnet_is_allotted_again(acme, node):
    first = services.allot_network(acme, node)
    services.allot_network(acme, node)
    services.release_network(first)
    assert services.allot_network(acme, node).subnet == "10.212.0.0/26"


def test_a_refused_subnet_is_never_offered_again(acme, node):
    network = services.allot_network(acme, node)
    services.replace_refused_subnet(network)
    network.refresh_from_db()
    assert network.subnet == "10.212.0.64/26"
    services.release_network(network)
    assert services.allot_network(acme, node).subnet == "10.212.0.64/26"


def test_a_full_pool_is_said_and_leaves_nothing_half_made(acme, node, settings, tmp_path):
    settings.ENVIRONMENT = Environment(data_dir=tmp_path, network_pool=IPv4Network("10.9.0.0/25"))
    services.allot_network(acme, node)
    network = services.allot_network(acme, node)
    with pytest.raises(NoSubnetLeft):
        services.allot_network(acme, node)
    with pytest.raises(NoSubnetLeft):
        services.replace_refused_subnet(network)
    assert Network.objects.count() == 2
    assert node.refused_subnets.count() == 0


def test_the_database_itself_refuses_a_subnet_twice(acme, node):
    network = services.allot_network(acme, node)
    with pytest.raises(IntegrityError), transaction.atomic():
        acme.networks.create(node=node, subnet=network.subnet)


def test_many_at_once_never_share_a_subnet(acme, node):
    def allot(_: int) -> str:
        try:
            return services.allot_network(acme, node).subnet
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        subnets = [IPv4Network(subnet) for subnet in threads.map(allot, range(40))]
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))


def test_a_claimed_host_is_known_and_not_running(acme):
    services.claim_domain(acme, HOST)
    assert routes.published() == {HOST: ()}


def test_a_host_belongs_to_one_application_only(acme, other):
    services.claim_domain(acme, HOST)
    for tenant in (acme, other):
        with pytest.raises(HostTaken):
            services.claim_domain(tenant, HOST)
    assert Domain.objects.get().tenant == acme


@pytest.mark.parametrize("host", ["localhost", "..", "a/b.localhost", "A.localhost", "127.0.0.1", "*.localhost"])
def test_what_is_no_host_cannot_be_claimed(acme, host):
    with pytest.raises(InvalidInput, match="host name"):
        services.claim_domain(acme, host)
    assert not Domain.objects.exists()


def test_the_panels_own_host_cannot_be_claimed(acme, settings, tmp_path):
    settings.ENVIRONMENT = Environment(data_dir=tmp_path, base_url="https://panel.example", apps_domain="apps.example")
    with pytest.raises(InvalidInput):
        services.claim_domain(acme, "panel.example")


def test_the_route_follows_the_row(acme):
    domain = services.claim_domain(acme, HOST)
    services.set_upstream(domain, "10.212.0.2:80")
    assert routes.published() == {HOST: ("10.212.0.2:80",)}
    services.set_upstream(domain, "10.212.0.3:80")
    assert routes.published() == {HOST: ("10.212.0.3:80",)}
    services.clear_upstream(domain)
    assert routes.published() == {HOST: ()}
    services.release_domain(domain)
    assert routes.published() == {}


def test_a_change_that_is_rolled_back_moves_no_route(acme):
    domain = services.claim_domain(acme, HOST)
    services.set_upstream(domain, "10.212.0.2:80")
    with transaction.atomic():
        services.set_upstream(domain, "10.212.0.3:80")
        transaction.set_rollback(True)
    assert routes.published() == {HOST: ("10.212.0.2:80",)}


def test_no_route_leads_to_what_is_no_container(acme):
    domain = services.claim_domain(acme, HOST)
    with pytest.raises(ValueError, match="not an upstream"):
        services.set_upstream(domain, "example.com:80")
    domain.refresh_from_db()
    assert domain.upstream == ""


def test_a_resync_writes_the_rows_again(acme):
    services.set_upstream(services.claim_domain(acme, HOST), "10.212.0.2:80")
    services.claim_domain(acme, "stopped--acme.localhost")
    services.set_upstream(services.claim_domain(acme, "same--acme.localhost"), "10.212.0.130:80")
    routes.publish(HOST, "10.212.0.66:80")
    routes.forget("stopped--acme.localhost")
    routes.publish("nobodys--acme.localhost", "10.212.0.67:80")
    assert services.sync_routes() == [  # sorted
        "nobodys--acme.localhost",
        HOST,
        "stopped--acme.localhost",
    ]
    assert routes.published() == {
        HOST: ("10.212.0.2:80",),
        "stopped--acme.localhost": (),
        "same--acme.localhost": ("10.212.0.130:80",),
    }
    assert services.sync_routes() == []


def test_a_resync_that_began_before_a_move_does_not_undo_it(acme, monkeypatch):
    domain = services.claim_domain(acme, HOST)
    services.set_upstream(domain, "10.212.0.2:80")
    compare = routes.differing

    def compare_slowly(desired):
        services.set_upstream(domain, "10.212.0.3:80")
        return compare(desired)

    monkeypatch.setattr(routes, "differing", compare_slowly)
    assert services.sync_routes() == [HOST]
    assert routes.published() == {HOST: ("10.212.0.3:80",)}


def test_moves_and_resyncs_at_once_end_with_the_row(acme):
    domain = services.claim_domain(acme, HOST)

    def work(number: int) -> None:
        try:
            if number % 2:
                services.sync_routes()
            else:
                services.set_upstream(domain, f"10.212.0.{2 + number}:80")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(40)))
    domain.refresh_from_db()
    assert routes.published() == {HOST: (domain.upstream,)}
