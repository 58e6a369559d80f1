"""What a view may wear about the person who asks."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.http import PanelRequest
from apps.accounts.signing_in import is_confirmed, page_here

P = ParamSpec("P")
R = TypeVar("R", bound=PanelRequest)


def recently_authenticated(view: Callable[Concatenate[R, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Open a view only to who proved within the last five minutes that it is they; others are asked to, and come back.

    They come back to the page where they were: of a form to the page that holds it, to send it again. Worn inside of
    the decorators that decide whether the page exists for them at all (`tenant_view`, `operator_view`).
    """

    @wraps(view)
    def opened(request: R, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if is_confirmed(request):
            return view(request, *args, **kwargs)
        target = f"{reverse('confirm')}?{urlencode({'next': page_here(request)})}"
        return HttpResponseClientRedirect(target) if request.htmx else redirect(target)

    return opened


def serves_set_up(view: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a view open to people who must set up a second factor before anything else."""
    view.serves_set_up = True  # type: ignore[attr-defined]  # read by the middleware
    return view
