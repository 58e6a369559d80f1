"""Which hosts and addresses a tenant may name."""

from ipaddress import ip_address

import pytest

from apps.core.addresses import is_local, is_public, objection_to_host


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.216.34", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1"]
)
def test_addresses_of_the_internet_are_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.17.0.1",
        "172.31.255.255", "192.0.0.8", "192.168.1.1", "198.19.0.1", "203.0.113.7", "224.0.0.251", "239.1.1.1",
        "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1",
        "ff02::1",
    ],
)  # fmt: skip
def test_everything_else_is_not(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "::1", "fd00::5"])
def test_loopback_and_private_networks_are_local(text):
    assert is_local(ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "169.254.169.254", "100.64.0.1", "2606:4700::1111", "fe80::1"])
def test_the_internet_and_link_local_services_are_not_local(text):
    assert not is_local(ip_address(text))


@pytest.mark.parametrize("host", ["docker.io", "registry-1.docker.io", "a_b.s3.amazonaws.com", "xn--bcher-kva.example"])
def test_host_names_of_the_internet_are_fine(host):
    assert objection_to_host(host) is None


@pytest.mark.parametrize(
    ("host", "objection"),
    [
        ("127.0.0.1", "an address"),
        ("8.8.8.8", "an address"),
        ("::1", "an address"),
        ("fe80::1%eth0", "an address"),
        ("2130706433", "an address"),
        ("0x7f000001", "an address"),
        ("0x7f.1", "an address"),
        ("0177.0.0.1", "an address"),
        ("127.1", "an address"),
        ("foo.0x", "an address"),
        ("localhost", "this machine"),
        ("app.localhost", "this machine"),
        ("redis", "without a domain"),
        ("", "not a valid host name"),
        ("bücher.example", "not a valid host name"),
        ("a..b", "not a valid host name"),
        ("-a.example", "not a valid host name"),
    ],
)
def test_hosts_that_need_no_lookup_to_be_refused(host, objection):
    assert objection in (objection_to_host(host) or "")
