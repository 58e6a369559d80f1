from apps.audit.actor import Actor
from apps.audit.services import record
from apps.metrics.spans import Span
from apps.tenants.models import Tenant


def note_export(span: Span, form: str, *, actor: Actor, tenant: Tenant | None = None) -> None:
    """Record that usage was taken away as a file: of this tenant, or of all."""
    label = "" if tenant else "all tenants"
    record("usage.export", actor=actor, tenant=tenant, target=tenant, label=label, span=span.name, format=form)
