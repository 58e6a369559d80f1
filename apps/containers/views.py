"""Pages of a tenant's applications."""

from typing import Any, Final, Protocol

from django.conf import settings
from django.contrib import messages
from django.db.models import Model
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from apps.accounts.decorators import recently_authenticated
from apps.audit.queries import events_about
from apps.containers import queries, services, tenancy
from apps.containers.decorators import application_view
from apps.containers.forms import (
    FIELD_OF,
    DeleteForm,
    NewApplicationForm,
    SizeForm,
    SpecForm,
    StrategyForm,
    VariablesForm,
)
from apps.containers.needs import use_of
from apps.containers.strategy import Strategy
from apps.containers.variables import render_env
from apps.core.errors import InvalidInput
from apps.core.views import add_error, page_of, text_of
from apps.engine.spec import parse_spec
from apps.images.services import SAMPLE_REFERENCE
from apps.quotas.ledger import QuotaExceeded
from apps.quotas.queries import lines
from apps.tenants.decorators import TenantRequest, tenant_view
from apps.tenants.permissions import Permission

UNPROCESSABLE = 422
SAMPLE: Final = parse_spec(
    {"image": SAMPLE_REFERENCE, "port": 8080, "memory_bytes": 64 * 1024 * 1024, "cpu_millis": 250}
)


@tenant_view(Permission.ENTER)
def overview(request: TenantRequest) -> HttpResponse:
    """The tenant's front page: of what there is, each member sees what they may."""
    template = "tenants/_overview.html" if request.htmx else "tenants/overview.html"
    return render(request, template, queries.overview(request.access))


@tenant_view(Permission.CLOSE)
@recently_authenticated
def close_tenant(request: TenantRequest) -> HttpResponse:
    """What will go with the tenant, and the question for its short name; once asked for, how to undo it."""
    form = DeleteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            name = form.cleaned_data["name"]
            tenancy.close_tenant(request.tenant, confirmed_name=name, actor=request.actor)
            return redirect("tenant-close", request.tenant.slug)
        except InvalidInput as error:
            add_error(form, error)
    context = {"form": form, "goes": queries.what_goes_with(request.tenant)}
    return render(request, "tenants/close.html", context, status=_status(form))


@require_POST
@tenant_view(Permission.CLOSE)
def reopen_tenant(request: TenantRequest) -> HttpResponse:
    tenancy.reopen_tenant(request.tenant, actor=request.actor)
    return redirect("tenant-overview", request.tenant.slug)


@tenant_view(Permission.VIEW, somewhere=True)
def application_list(request: TenantRequest) -> HttpResponse:
    query = text_of(request.GET, "q")
    applications = request.access.narrow(request.tenant.applications.filter(slug__contains=query), Permission.VIEW)
    page = page_of(request, applications)
    rows = queries.with_rows(page.object_list)  # type: ignore[arg-type]  # a page of a queryset is a queryset
    context = {"page_obj": page, "rows": rows, "query": query}
    return render(request, _whole_or("_application_rows", request, "application_list"), context)


@tenant_view(Permission.DEPLOY)
def new(request: TenantRequest) -> HttpResponse:
    """The ways to make one. The quota is told after the sample, which is made by one click."""
    return render(request, "containers/new.html", queries.quota_for_new(request.tenant, use_of(SAMPLE)))


@tenant_view(Permission.DEPLOY)
def new_image(request: TenantRequest) -> HttpResponse:
    form = NewApplicationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            operation = services.create_application(
                request.tenant,
                form.cleaned_data["name"],
                form.spec,
                form.cleaned_data["variables"],
                actor=request.actor,
            )
            return redirect(operation)
        except InvalidInput as error:
            add_error(form, error, FIELD_OF)
    context = queries.quota_for_new(request.tenant, _size(form)) | {
        "form": form,
        "sizes": queries.sizes_of(request.tenant),
        "apps_domain": settings.ENVIRONMENT.apps_domain,
        "apps_origin_suffix": settings.ENVIRONMENT.apps_origin_suffix,
    }
    return render(request, "containers/new_image.html", context, status=_status(form))


@tenant_view(Permission.DEPLOY)
def new_quota(request: TenantRequest) -> HttpResponse:
    """The quota beside the form, after what the form asks for so far."""
    return render(request, "components/quota.html", queries.quota_for_new(request.tenant, SizeForm(request.GET).needs))


@require_POST
@tenant_view(Permission.DEPLOY)
def new_sample(request: TenantRequest) -> HttpResponse:
    """One click: the sample application, under the first free name."""
    slug = queries.free_slug(request.tenant, "sample")
    return redirect(services.create_application(request.tenant, slug, SAMPLE, {}, actor=request.actor))


@application_view(Permission.VIEW)
def application_detail(request: TenantRequest, application: Any) -> HttpResponse:
    return render(request, "containers/application.html", queries.detail(application))


@application_view(Permission.VIEW)
def application_header(request: TenantRequest, application: Any) -> HttpResponse:
    return render(request, "containers/_header.html", queries.detail(application))


@application_view(Permission.VIEW)
def application_overview(request: TenantRequest, application: Any) -> HttpResponse:
    return render(request, "containers/_overview.html", queries.detail(application))


@application_view(Permission.LOGS)
def application_logs(request: TenantRequest, application: Any) -> HttpResponse:
    return render(request, "containers/logs.html", queries.detail(application))


@application_view(Permission.VIEW)
def application_releases(request: TenantRequest, application: Any) -> HttpResponse:
    page = page_of(request, queries.releases_of(application))
    context = queries.detail(application) | {"page_obj": page, "releases": page.object_list}
    return render(request, "containers/releases.html", context)


@application_view(Permission.VIEW)
def application_variables(request: TenantRequest, application: Any) -> HttpResponse:
    """The names, for everybody who sees the application."""
    return render(request, "containers/variables.html", _variables_context(application, None))


@never_cache
@application_view(Permission.SECRETS_REVEAL)
@recently_authenticated
def reveal_variables(request: TenantRequest, application: Any) -> HttpResponse:
    """The values, in the form that changes them."""
    values = services.reveal_variables(application, actor=request.actor)
    form = VariablesForm(initial={"variables": render_env(values)})
    return render(request, "containers/variables.html", _variables_context(application, form))


@require_POST
@application_view(Permission.SECRETS_REVEAL)
def change_variables(request: TenantRequest, application: Any) -> HttpResponse:
    form = VariablesForm(request.POST)
    offers_recreate = False
    if form.is_valid():
        try:
            return redirect(
                services.change_variables(
                    application,
                    form.cleaned_data["variables"],
                    actor=request.actor,
                    strategy=StrategyForm.chosen(request.POST),
                )
            )
        except QuotaExceeded as error:
            add_error(form, error)
            offers_recreate = queries.may_recreate(application, application.spec)
    context = _variables_context(application, form) | {"offers_recreate": offers_recreate}
    return render(request, "containers/variables.html", context, status=UNPROCESSABLE)


@application_view(Permission.VIEW)
def application_settings(request: TenantRequest, application: Any) -> HttpResponse:
    form = SpecForm(initial=SpecForm.initial_for(application))
    return render(request, "containers/settings.html", _settings_context(application, form))


@require_POST
@application_view(Permission.DEPLOY)
def configure(request: TenantRequest, application: Any) -> HttpResponse:
    form = SpecForm(request.POST)
    offers_recreate = False
    if form.is_valid():
        try:
            return redirect(
                services.configure_application(
                    application, form.spec, actor=request.actor, strategy=StrategyForm.chosen(request.POST)
                )
            )
        except QuotaExceeded as error:
            add_error(form, error, FIELD_OF)
            offers_recreate = queries.may_recreate(application, form.spec)
        except InvalidInput as error:
            add_error(form, error)
    context = _settings_context(application, form) | {"offers_recreate": offers_recreate}
    return render(request, "containers/settings.html", context, status=UNPROCESSABLE)


@application_view(Permission.DEPLOY)
def application_quota(request: TenantRequest, application: Any) -> HttpResponse:
    """The quota beside the settings, after what they ask for so far."""
    context = queries.quota_for_change(application, SizeForm(request.GET).needs)
    return render(request, "components/quota.html", context)


@application_view(Permission.AUDIT)
def application_activity(request: TenantRequest, application: Any) -> HttpResponse:
    page = page_of(request, events_about(application, tenant_id=request.tenant.pk))
    return render(request, "containers/activity.html", queries.detail(application) | {"page_obj": page})


@require_POST
@application_view(Permission.DEPLOY)
def deploy(request: TenantRequest, application: Any) -> HttpResponse:
    """Where both releases do not fit beside each other, the question whether one may give way to the other."""
    strategy = StrategyForm.chosen(request.POST)
    try:
        return redirect(services.deploy_application(application, actor=request.actor, strategy=strategy))
    except QuotaExceeded as error:
        if strategy == Strategy.RECREATE or not queries.may_recreate(application, application.spec):
            raise
        context = queries.detail(application) | {"error": error, "quota": lines(request.tenant.account)}
        return render(request, "containers/recreate.html", context, status=error.status)


@require_POST
@application_view(Permission.MANAGE)
def stop(request: TenantRequest, application: Any) -> HttpResponse:
    return _act(request, application, services.stop_application)


@require_POST
@application_view(Permission.MANAGE)
def start(request: TenantRequest, application: Any) -> HttpResponse:
    return _act(request, application, services.start_application)


@require_POST
@application_view(Permission.MANAGE)
def restart(request: TenantRequest, application: Any) -> HttpResponse:
    return _act(request, application, services.restart_application)


@require_POST
@application_view(Permission.MANAGE)
def kill(request: TenantRequest, application: Any) -> HttpResponse:
    return _act(request, application, services.kill_application)


@application_view(Permission.DELETE)
@recently_authenticated
def delete(request: TenantRequest, application: Any) -> HttpResponse:
    """What will go, and the question for the name."""
    form = DeleteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(
                services.delete_application(application, confirmed_name=form.cleaned_data["name"], actor=request.actor)
            )
        except InvalidInput as error:
            add_error(form, error)
    context = queries.detail(application) | {"form": form, "goes": queries.what_goes(application)}
    return render(request, "containers/delete.html", context, status=_status(form))


class _Action(Protocol):
    def __call__(self, application: Any, *, actor: Any) -> Model: ...


def _act(request: TenantRequest, application: Any, action: _Action) -> HttpResponse:
    """Actions that are over in seconds stay on the application's page, where they can be watched."""
    operation = action(application, actor=request.actor)
    messages.info(request, f"{operation}: accepted.")
    return redirect(application)


def _variables_context(application: Any, form: VariablesForm | None) -> dict[str, Any]:
    return queries.detail(application) | {"form": form, "names": queries.variable_names(application)}


def _settings_context(application: Any, form: SpecForm) -> dict[str, Any]:
    return (
        queries.detail(application)
        | queries.quota_for_change(application, _size(form))
        | {"form": form, "sizes": queries.sizes_of(application.tenant)}
    )


def _size(form: SpecForm) -> Any:
    """What the form says of the size, whether it was sent or is still to be filled in."""
    return SizeForm({name: form[name].value() for name in SizeForm.base_fields}).needs


def _whole_or(fragment: str, request: TenantRequest, page: str) -> str:
    is_fragment = request.htmx and not request.htmx.boosted
    return f"containers/{fragment if is_fragment else page}.html"


def _status(form: Any) -> int:
    return UNPROCESSABLE if form.errors else 200
