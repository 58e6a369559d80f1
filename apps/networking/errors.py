"""What can be exhausted, taken or unreachable, in words for the user."""

from http import HTTPStatus

from apps.core.errors import PanelError


class NoSubnetLeft(PanelError):
    """Every network of the pool is in use, or refused by the node."""

    code = "no-subnet-left"
    status = HTTPStatus.INSUFFICIENT_STORAGE


class NoAddressLeft(PanelError):
    """Every address of the application's network is in use."""

    code = "no-address-left"
    status = HTTPStatus.INSUFFICIENT_STORAGE


class HostTaken(PanelError):
    """Another application answers at this host name."""

    code = "host-taken"
    status = HTTPStatus.CONFLICT


class ProxyUnreachable(PanelError):
    """The proxy itself does not answer, or refuses its configuration."""

    code = "proxy-unreachable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
