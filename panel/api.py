"""The API under `/api/v1/`: the routers of the apps, one door, and one way to say what went wrong."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from apps.containers.api import router as applications
from apps.core.api import Problem
from apps.core.errors import InvalidInput, PanelError
from apps.tenants.access import nothing_here
from apps.tenants.bearer import ApiRequest, Bearer

logger = logging.getLogger(__name__)

# No page of documentation: ninja's loads scripts from elsewhere. What it would show is in openapi.json, which tells of
# Berth, nothing of this installation, and is therefore open to everybody: generators of clients have no session.
api = NinjaAPI(title="Berth", version="1", urls_namespace="api", auth=Bearer(), docs_url=None)
api.add_router("", applications)


@api.exception_handler(PanelError)
def answer(request: HttpRequest, error: PanelError) -> HttpResponse:
    problem = Problem(code=error.code, message=error.message, field=error.field)
    response = api.create_response(request, problem, status=error.status)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def answer_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    field = str(first["loc"][-1])
    return answer(request, InvalidInput(f"{field}: {first['msg']}.", field=field))


@api.exception_handler(HttpError)
def answer_malformed(request: HttpRequest, error: HttpError) -> HttpResponse:
    return answer(request, PanelError(error.message, code="malformed"))


@api.exception_handler(Http404)
def answer_missing(request: HttpRequest, _: Http404) -> HttpResponse:
    return answer(request, nothing_here())


@api.exception_handler(Exception)
def answer_internal(request: ApiRequest, _: Exception) -> HttpResponse:
    reference = request.actor.request_id
    logger.exception("%s %s failed, reference %s", request.method, request.path, reference)
    error = PanelError(
        f"Something went wrong inside Berth. Tell the operator this reference: {reference}.", code="internal"
    )
    error.status = HTTPStatus.INTERNAL_SERVER_ERROR
    return answer(request, error)


@login_not_required
def nothing(request: HttpRequest, **_: str) -> HttpResponse:
    """For addresses under `/api/` that there are not."""
    return answer(request, nothing_here())


urls, app_name, namespace = api.urls
for pattern in urls:
    login_not_required(cast("Callable[..., HttpResponse]", pattern.callback))  # there is a door of its own
