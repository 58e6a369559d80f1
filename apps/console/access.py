"""The console's door."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpResponse

from apps.accounts.http import UserRequest
from apps.core.errors import NotFound

P = ParamSpec("P")


def operator_view(view: Callable[Concatenate[UserRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Open a view to operators; to everybody else it does not exist."""

    @wraps(view)
    def opened(request: UserRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_operator:
            raise NotFound("There is nothing here, or it is not yours to see.")
        return view(request, *args, **kwargs)

    opened.is_operator_view = True  # type: ignore[attr-defined]  # read by the access tests
    return opened
