import uuid
from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.http import PanelRequest, UserRequest, actor_of
from apps.accounts.models import User
from apps.accounts.sessions import note_visit
from apps.audit.actions import ACTIONS
from apps.audit.models import Result
from apps.audit.queries import is_noisy
from apps.audit.services import record
from apps.core.errors import PanelError

Handler = Callable[[HttpRequest], HttpResponse]


class ActorMiddleware:
    """Adds `request.actor`; its request id is what an "internal error" page names and what the log line carries."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        panel_request = cast("PanelRequest", request)
        user = cast("User", request.user)
        panel_request.actor = actor_of(user, request.META.get("REMOTE_ADDR", ""), uuid.uuid4().hex[:16])
        return self.get_response(request)


class StandingMiddleware:
    """Notes where people are signed in, and leads who lacks a demanded second factor to where one is set up."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        panel_request = cast("UserRequest", request)
        if request.user.is_authenticated:
            panel_request.standing = note_visit(
                panel_request.user,
                str(request.session.session_key),
                ip=panel_request.actor.ip,
                device=request.headers.get("User-Agent", ""),
            )
        return self.get_response(request)

    def process_view(
        self, request: "UserRequest", view: Callable[..., object], _args: object, _kwargs: object
    ) -> HttpResponse | None:
        is_open = not getattr(view, "login_required", True) or hasattr(view, "serves_set_up")
        if not request.user.is_authenticated or is_open or not request.standing.lacks_second_factor:
            return None
        page = reverse("account-factors")
        return HttpResponseClientRedirect(page) if request.htmx else redirect(page)


class PanelErrorMiddleware:
    """The door that turns a `PanelError` into an answer, and records the refusal of a change."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: PanelRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, PanelError):
            return None
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            self._record_refusal(request, error)
        return render(request, "errors/panel_error.html", {"error": error}, status=error.status)

    @staticmethod
    def _record_refusal(request: PanelRequest, error: PanelError) -> None:
        if not request.user.is_authenticated or is_noisy(request.user.pk):
            return  # a log that anybody can fill tells nothing
        # URL names and audit actions share their words: `application-deploy` refuses an `application.deploy`.
        match = request.resolver_match
        action = (match.url_name or "").replace("-", ".", 1) if match else ""
        record(
            action if action in ACTIONS else "access.refused",
            actor=request.actor,
            tenant=getattr(request, "tenant", None),
            result=Result.REFUSED,
            code=error.code,
            message=error.message,
            view=match.view_name if match else "",
        )
