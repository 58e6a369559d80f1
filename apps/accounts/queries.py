from django.db.models import QuerySet

from apps.accounts.models import AuthenticatorApp, Identity, IdentityProvider, Required, SignInPolicy, User, UserSession


def policy() -> SignInPolicy:
    """The operator's rules; the defaults until they changed one."""
    return SignInPolicy.objects.filter(pk=SignInPolicy.ONLY).first() or SignInPolicy(pk=SignInPolicy.ONLY)


def demands_second_factor(user: User) -> bool:
    rule = policy().second_factor
    return rule == Required.EVERYBODY or (rule == Required.OPERATORS and user.is_operator)


def enabled_providers() -> QuerySet[IdentityProvider]:
    return IdentityProvider.objects.filter(is_enabled=True)


def sessions_of(user: User) -> QuerySet[UserSession]:
    return user.sessions.all()


def identities_of(user: User) -> QuerySet[Identity]:
    return user.identities.select_related("provider", "user")


def app_of(user: User) -> AuthenticatorApp | None:
    return AuthenticatorApp.objects.filter(user=user).first()
