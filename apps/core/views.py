"""Small things that views share."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.errors import InvalidInput

PAGE_SIZE = 50


def page_of(request: HttpRequest, rows: "QuerySet[Any] | list[Any]", size: int = PAGE_SIZE) -> Page[Any]:
    """The page that `?page=` asks for; the nearest one if there is no such page."""
    return Paginator(rows, size).get_page(request.GET.get("page"))


def text_of(parameters: Mapping[str, str], name: str) -> str:
    """What is searched for; without NUL characters, which PostgreSQL takes for a fault."""
    return parameters.get(name, "").replace("\0", "").strip()


def status_of(form: forms.Form) -> int:
    """The status of a page with this form: 422 if it was sent and something in it is wrong."""
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


def add_error(form: forms.Form, error: InvalidInput, names: Mapping[str, str] | None = None) -> None:
    """Mark the field that a service's refusal names (or the form, if it has no such field).

    `names` maps a service's names to the form's where they differ.
    """
    field = (names or {}).get(error.field or "", error.field)
    form.add_error(field if field in form.fields else None, error.message)
