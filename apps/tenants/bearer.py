"""The API's door: an API token instead of a session, and what it may do in the tenant of the address."""

from typing import cast

from django.http import HttpRequest
from ninja.security.http import HttpAuthBase

from apps.accounts.http import PanelRequest
from apps.tenants.access import Access, enter_by_token
from apps.tenants.models import ApiToken
from apps.tenants.permissions import Permission
from apps.tenants.tokens import actor_by, recognise_token


class ApiRequest(PanelRequest):
    """A request that came with the live token `auth`, which is its actor."""

    auth: ApiToken


class Bearer(HttpAuthBase):
    """`Authorization: Bearer berth_…`; a browser's cookies count for nothing."""

    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> ApiToken:
        api_request = cast("ApiRequest", request)
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        token = recognise_token(secret if scheme.lower() == "bearer" else "", actor=api_request.actor)
        api_request.actor = actor_by(token, api_request.actor)
        return token


def tenant_access(request: ApiRequest, slug: str, permission: Permission, *, somewhere: bool = False) -> Access:
    """What the token may do in the tenant at `slug`, if it holds `permission` there.

    With `somewhere`, holding it on one application is enough: the endpoint answers only what `Access.narrow` leaves.
    Raises NotFound in another tenant than the token's, and Forbidden without the right.
    """
    access = enter_by_token(request.auth, slug)
    if not (somewhere and access.allows_somewhere(permission)):
        access.require(permission)
    return access
