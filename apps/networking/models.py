"""The addresses that applications hold: a subnet of a node, and host names of the proxy."""

import secrets

from django.db import models

NAME_PREFIX = "berth-"
INTERFACE_PREFIX = "t-"


def new_network_name() -> str:
    """A name that no other installation on the same engine has either: `berth-<10 hex>`."""
    return NAME_PREFIX + secrets.token_hex(5)


class Network(models.Model):
    """One bridge on one node, kept from the application's first deploy until its deletion."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="networks")
    node = models.ForeignKey("nodes.Node", on_delete=models.PROTECT, related_name="networks")
    subnet = models.CharField(max_length=18)
    name = models.CharField(max_length=40, default=new_network_name)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "subnet"], name="network_subnet_once_per_node"),
            models.UniqueConstraint(fields=["node", "name"], name="network_name_once_per_node"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def interface(self) -> str:
        """The bridge's name on the host; one firewall rule on `t-+` matches them all, so the prefix is a contract."""
        return INTERFACE_PREFIX + self.name.removeprefix(NAME_PREFIX)


class RefusedSubnet(models.Model):
    """A range of the pool that the node's engine refused, because something else on that host uses it."""

    node = models.ForeignKey("nodes.Node", on_delete=models.CASCADE, related_name="refused_subnets")
    subnet = models.CharField(max_length=18)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "subnet"], name="refused_subnet_once_per_node"),
        ]

    def __str__(self) -> str:
        return self.subnet


class Domain(models.Model):
    """A host name that belongs to one tenant, and the container that answers for it now, if any."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="domains")
    host = models.CharField(max_length=253, unique=True)
    upstream = models.CharField(max_length=21, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.host
