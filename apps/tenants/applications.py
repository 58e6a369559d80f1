"""What roles are granted on. Applications live above this app, which knows of them only ids and, from here, names."""

from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from apps.tenants.models import Tenant


def application_names(tenant: Tenant) -> dict[int, str]:
    """The names of a tenant's applications by their ids, in the order in which lists show them; in one query.

    Who knows is named by the setting `APPLICATION_NAMES`, since this app imports nothing upward.
    """
    names = cast("Callable[[Tenant], dict[int, str]]", import_string(settings.APPLICATION_NAMES))
    return names(tenant)
