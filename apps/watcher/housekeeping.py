"""What falls due by itself, looked at every minute: rows say when, so a restart forgets nothing."""

from apps.accounts.sessions import forget_expired
from apps.tenants.impersonation import lapse_impersonations
from apps.tenants.invitations import end_expired_invitations
from apps.tenants.plans import end_overrides_that_are_over


def housekeep() -> None:
    end_overrides_that_are_over()
    end_expired_invitations()
    lapse_impersonations()
    forget_expired()
