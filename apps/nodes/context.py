"""What every page says of this installation."""

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.nodes.services import installation


def installation_name(_request: HttpRequest) -> dict[str, object]:
    return {"installation_name": SimpleLazyObject(lambda: installation().name)}
