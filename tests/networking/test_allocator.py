from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.networking.allocator import first_free, next_address
from apps.networking.errors import NoAddressLeft, NoSubnetLeft

POOL = IPv4Network("10.212.0.0/14")
SMALL = IPv4Network("10.0.0.0/24")

networks_anywhere_near = st.builds(
    lambda offset, prefix: IPv4Network((int(SMALL.network_address) + offset, prefix), strict=False),
    st.integers(-512, 512),
    st.integers(20, 32),
)


@given(st.lists(networks_anywhere_near, max_size=12))
def test_a_free_subnet_lies_in_the_pool_and_overlaps_nothing(taken):
    try:
        subnet = first_free(SMALL, taken)
    except NoSubnetLeft:
        assert all(any(part.overlaps(other) for other in taken) for part in SMALL.subnets(new_prefix=26))
    else:
        assert subnet.prefixlen == 26
        assert subnet.subnet_of(SMALL)
        assert not any(subnet.overlaps(other) for other in taken)


@given(st.sets(st.integers(0, 4095), max_size=200))
def test_it_is_the_lowest_one(taken):
    subnets = [IPv4Network((int(POOL.network_address) + 64 * index, 26)) for index in taken]
    lowest = next(index for index in range(4096) if index not in taken)
    assert int(first_free(POOL, subnets).network_address) == int(POOL.network_address) + 64 * lowest


def test_four_thousand_applications_fit_the_default_pool():
    taken = [str(subnet) for subnet in POOL.subnets(new_prefix=26)][:4000]
    assert str(first_free(POOL, taken)) not in taken


def test_a_full_pool_says_so():
    with pytest.raises(NoSubnetLeft, match="PANEL_NETWORK_POOL"):
        first_free(SMALL, SMALL.subnets(new_prefix=26))


@given(st.sets(st.integers(2, 62)), st.one_of(st.none(), st.integers(2, 62)))
def test_an_address_is_never_the_gateway_nor_in_use(in_use, after):
    used = {f"10.0.0.{number}" for number in in_use}
    last = f"10.0.0.{after}" if after else None
    if len(used) == 61:
        with pytest.raises(NoAddressLeft):
            next_address("10.0.0.0/26", used, last)
    else:
        address = next_address("10.0.0.0/26", used, last)
        assert address not in used
        assert 2 <= int(IPv4Address(address)) - int(IPv4Address("10.0.0.0")) <= 62


def test_an_address_rests_until_all_others_had_their_turn():
    given, last = [], None
    for _ in range(61):
        last = next_address("10.0.0.0/26", [], after=last)
        given.append(last)
    assert len(set(given)) == 61
    assert next_address("10.0.0.0/26", [], after=last) == given[0]
