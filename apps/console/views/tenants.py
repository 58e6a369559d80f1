"""Tenants: all of them, and the life of one."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.decorators import recently_authenticated
from apps.accounts.http import UserRequest
from apps.console import queries
from apps.console.access import operator_view
from apps.console.forms import ImpersonateForm, NewTenantForm, SuspendForm
from apps.containers import tenancy
from apps.containers.forms import DeleteForm
from apps.containers.queries import what_goes_with, what_stops
from apps.core.errors import InvalidInput
from apps.core.views import add_error, page_of, status_of, text_of
from apps.tenants import impersonation as looking
from apps.tenants.services import create_tenant


@operator_view
def tenants(request: UserRequest) -> HttpResponse:
    query, state = text_of(request.GET, "q"), text_of(request.GET, "state")
    page = page_of(request, queries.tenants_like(query, state))
    template = "console/_tenant_rows.html" if request.htmx and not request.htmx.boosted else "console/tenants.html"
    context = {"page_obj": page, "rows": queries.tenant_rows(list(page)), "query": query, "state": state}
    return render(request, template, context)


@operator_view
def new_tenant(request: UserRequest) -> HttpResponse:
    form = NewTenantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = create_tenant(**form.cleaned_data, actor=request.actor)
            return redirect("console-tenant", created.pk)
        except InvalidInput as error:
            add_error(form, error)
    return render(request, "console/tenant_new.html", {"form": form}, status=status_of(form))


@operator_view
def tenant(request: UserRequest, pk: int) -> HttpResponse:
    found = _tenant(pk)
    page = page_of(request, found.applications.order_by("slug"))
    template = "console/_tenant.html" if request.htmx else "console/tenant.html"
    return render(request, template, queries.tenant_detail(found, list(page)) | {"page_obj": page})


@operator_view
def suspend(request: UserRequest, pk: int) -> HttpResponse:
    """What will stop, and the question why."""
    found = _tenant(pk)
    form = SuspendForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            tenancy.suspend_tenant(found, reason=form.cleaned_data["reason"], actor=request.actor)
            return redirect("console-tenant", pk)
        except InvalidInput as error:
            add_error(form, error)
    context = {"customer": found, "form": form, "stops": what_stops(found)}
    return render(request, "console/tenant_suspend.html", context, status=status_of(form))


@require_POST
@operator_view
def resume(request: UserRequest, pk: int) -> HttpResponse:
    tenancy.resume_tenant(_tenant(pk), actor=request.actor)
    return redirect("console-tenant", pk)


@operator_view
@recently_authenticated
def close(request: UserRequest, pk: int) -> HttpResponse:
    """What will go, and the question for the short name."""
    found = _tenant(pk)
    form = DeleteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            tenancy.close_tenant(found, confirmed_name=form.cleaned_data["name"], actor=request.actor)
            return redirect("console-tenant", pk)
        except InvalidInput as error:
            add_error(form, error)
    context = {"customer": found, "form": form, "goes": what_goes_with(found)}
    return render(request, "console/tenant_close.html", context, status=status_of(form))


@require_POST
@operator_view
def reopen(request: UserRequest, pk: int) -> HttpResponse:
    tenancy.reopen_tenant(_tenant(pk), actor=request.actor)
    return redirect("console-tenant", pk)


@operator_view
@recently_authenticated
def impersonate(request: UserRequest, pk: int) -> HttpResponse:
    """Begin to look at a tenant through one of its members."""
    found = _tenant(pk)
    form = ImpersonateForm(found, request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            begun = looking.begin_impersonation(
                found,
                operator=request.user,
                session_key=request.session.session_key or "",
                actor=request.actor,
                **form.cleaned_data,
            )
        except InvalidInput as error:
            add_error(form, error)
        else:
            request.session[looking.IN_SESSION] = begun.pk
            return redirect("tenant-overview", found.slug)
    context = {"customer": found, "form": form, "minutes": looking.LASTS // timedelta(minutes=1)}
    return render(request, "console/tenant_impersonate.html", context, status=status_of(form))


@require_POST
@operator_view
def end_impersonation(request: UserRequest) -> HttpResponse:
    found = looking.impersonation_of(request.session, request.user)
    request.session.pop(looking.IN_SESSION, None)
    if found is None:
        return redirect("console-dashboard")
    looking.end_impersonation(found, actor=request.actor)
    return redirect("console-tenant", found.tenant_id)


def _tenant(pk: int) -> Any:
    return get_object_or_404(queries.all_tenants(), pk=pk)
