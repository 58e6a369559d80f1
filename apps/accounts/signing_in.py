"""From a proof to a session: what the browser's session holds before, at and after the moment of signing in.

A password or another provider's word is one factor. Who has a second one is *halfway*: the session knows who it may
become, for ten minutes, and is still nobody's. A passkey that verified its owner goes all the way at once.
"""

import time
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from apps.accounts import passkeys
from apps.accounts.http import PanelRequest
from apps.accounts.models import User
from apps.accounts.second_factor import has_second_factor
from apps.accounts.services import actor_for
from apps.accounts.sessions import begin_session
from apps.audit.services import record

#: For so long a person who has just proved who they are need not prove it again.
CONFIRMED_FOR_S: Final = 300
HALFWAY_FOR_S: Final = 600

#: For so long a browser may take to answer with a passkey.
QUESTION_FOR_S: Final = 300

MAX_NEXT: Final = 500

_HALFWAY: Final = "halfway"
_QUESTION: Final = "passkey"
_CONFIRMED_AT: Final = "confirmed_at"
_BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


def sign_in(request: PanelRequest, user: User, *, how: str, next_url: str = "") -> HttpResponse:
    """The answer to a first factor: on to the second, if the user has one, else signed in and on to `next_url`."""
    if not has_second_factor(user):
        return complete(request, user, how=how, next_url=next_url)
    request.session[_HALFWAY] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),  # a new password makes an old half useless
        "at": time.time(),
        "how": how,
        "next": next_url,
    }
    expire_soon(request)
    return redirect("sign-in-second-factor")


def complete(request: PanelRequest, user: User, *, how: str, next_url: str = "") -> HttpResponse:
    """The session becomes this user's; recorded. Nothing is asked any more."""
    enter(request, user)
    record("session.sign-in", actor=actor_for(user, request.actor), target=user, how=how)
    return HttpResponseRedirect(next_url) if is_ours(request, next_url) else redirect("home")


def enter(request: PanelRequest, user: User) -> None:
    """The session becomes this user's, with a new key, and counts as just confirmed."""
    forget_halfway(request)
    request.session.set_expiry(None)
    login(request, user, backend=_BACKEND)
    mark_confirmed(request)
    request.session.save()
    begin_session(
        user, str(request.session.session_key), ip=request.actor.ip, device=request.headers.get("User-Agent", "")
    )


def halfway(request: HttpRequest) -> tuple[User, dict[str, Any]] | None:
    """Who this session may become, and what it keeps until then."""
    kept = request.session.get(_HALFWAY)
    if kept is None or time.time() - kept["at"] > HALFWAY_FOR_S:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != kept["password"]:
        return None
    return user, kept


def forget_halfway(request: HttpRequest) -> None:
    request.session.pop(_HALFWAY, None)


def keep_question(request: HttpRequest, state: passkeys.State, whose: User | None, purpose: str) -> None:
    """Remember what a passkey was asked, of whom (None: of whoever it may be), and what for."""
    request.session[_QUESTION] = {"state": state, "user": whose and whose.pk, "for": purpose, "at": time.time()}
    expire_soon(request)


def take_question(request: HttpRequest, whose: User | None, purpose: str) -> passkeys.State:
    """What was asked, once, of this person and for this; else nothing, to which there is no right answer.

    A question to somebody halfway in asks for less than one to a stranger, so neither may stand in for the other.
    """
    kept = request.session.pop(_QUESTION, None)
    if kept is None or time.time() - kept["at"] > QUESTION_FOR_S:
        return {}
    is_meant = (kept["user"], kept["for"]) == (whose and whose.pk, purpose)
    return dict(kept["state"]) if is_meant else {}


def expire_soon(request: HttpRequest) -> None:
    """A session of nobody's is not kept for weeks."""
    if not request.user.is_authenticated:
        request.session.set_expiry(HALFWAY_FOR_S)


def mark_confirmed(request: HttpRequest) -> None:
    request.session[_CONFIRMED_AT] = time.time()


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the person proved who they are within the last five minutes."""
    age: float = time.time() - request.session.get(_CONFIRMED_AT, 0)
    return age < CONFIRMED_FOR_S


def is_ours(request: HttpRequest, url: str) -> bool:
    """Whether an address that came from outside is a page of this panel."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )


def asked_for(request: HttpRequest) -> str:
    """The page of ours that `next` names; `""` for any other address."""
    url = request.POST.get("next", request.GET.get("next", ""))
    return url if len(url) <= MAX_NEXT and is_ours(request, url) else ""


def page_here(request: PanelRequest) -> str:
    """The page to come back to: this one, or for a form or a fragment the page that holds it."""
    if request.htmx:
        return request.htmx.current_url_abs_path or "/"
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    page = request.headers.get("Referer", "").removeprefix(settings.ENVIRONMENT.base_url)
    return page if is_ours(request, page) else "/"
