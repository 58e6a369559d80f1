"""What a tenant's applications use, now and over time."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from apps.core.views import page_of
from apps.metrics import exports, queries
from apps.metrics.services import note_export
from apps.metrics.spans import CHOICES, Span, asked_span
from apps.tenants.decorators import TenantRequest, tenant_view
from apps.tenants.permissions import Permission


@tenant_view(Permission.VIEW, somewhere=True)
def usage(request: TenantRequest) -> HttpResponse:
    """Of those applications that the member may see; the fragment is what they use now."""
    context = {"now": queries.now(request.access)}
    if request.htmx:
        return render(request, "metrics/_now.html", context)
    span = asked_span(request)
    rows = queries.usage_of(request.access, span)
    page = page_of(request, queries.by_application(rows, span))
    context |= queries.graphs(rows, span) | {
        "choices": CHOICES,
        "is_used": queries.days_of(request.access).exists(),
        "page_obj": page,
        "existing": queries.existing(request.access, [row["application_id"] for row in page]),
    }
    return render(request, "metrics/usage.html", context)


@never_cache
@tenant_view(Permission.VIEW, somewhere=True)
def export_csv(request: TenantRequest) -> HttpResponse:
    span = asked_span(request)
    note_export(span, "csv", actor=request.actor, tenant=request.tenant)
    lines = exports.hourly(queries.hours_of(request.access), span)
    return exports.csv_file(_name(request, span), exports.HOURLY, lines)


@never_cache
@tenant_view(Permission.VIEW, somewhere=True)
def export_json(request: TenantRequest) -> HttpResponse:
    span = asked_span(request)
    note_export(span, "json", actor=request.actor, tenant=request.tenant)
    lines = exports.hourly(queries.hours_of(request.access), span)
    return exports.json_file(_name(request, span), span, exports.HOURLY, lines)


def _name(request: TenantRequest, span: Span) -> str:
    return f"usage-{request.tenant.slug}-{span.name}"
