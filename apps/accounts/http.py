"""The request as Berth's views see it."""

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from apps.accounts.models import User
from apps.accounts.sessions import Standing
from apps.audit.actor import Actor


class PanelRequest(HttpRequest):
    """A request with the acting principal, added by `ActorMiddleware`."""

    actor: Actor
    htmx: HtmxDetails


class UserRequest(PanelRequest):
    """A request of somebody signed in; `StandingMiddleware` adds what their session is good for."""

    user: User
    standing: Standing


def actor_of(user: User | AnonymousUser, ip: str, request_id: str) -> Actor:
    return Actor(
        user_id=user.pk, label=user.email if user.is_authenticated else "anonymous", ip=ip, request_id=request_id
    )
