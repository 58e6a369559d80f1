from apps.accounts.models import User
from apps.tenants.models import Tenant


def first_tenant(user: User) -> Tenant | None:
    return Tenant.objects.filter(memberships__user=user).order_by("memberships__created_at").first()
