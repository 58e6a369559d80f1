"""Signing in elsewhere: which user somebody is who comes back from a provider, and who may become one."""

from typing import Final

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from apps.accounts import oidc
from apps.accounts.models import Identity, IdentityProvider, User
from apps.accounts.services import actor_for
from apps.accounts.sign_up import make_account, may_sign_up
from apps.audit.actor import Actor
from apps.audit.models import Result
from apps.audit.services import record
from apps.core.errors import Forbidden, InvalidInput, PanelError

#: An attempt at a provider is good for so long.
ATTEMPT_FOR_S: Final = 600


def client_of(provider: IdentityProvider) -> oidc.Client:
    return oidc.Client(provider.issuer, provider.client_id, provider.client_secret, callback_of(provider.slug))


def callback_of(slug: str) -> str:
    """The address that the provider sends people back to; the operator registers it there."""
    return f"{settings.ENVIRONMENT.base_url}{reverse('oidc-callback', args=[slug])}"


def user_of(provider: IdentityProvider, person: oidc.Person, session: SessionBase, *, actor: Actor) -> User:
    """Who signs in; a refusal is recorded.

    Raises Forbidden for a stranger, and for a person whom the provider alone cannot vouch for.

    A person known by address is connected only if the operator trusts the provider for addresses, the provider says
    that it has verified this one, and it was verified here too: else an account made in advance with somebody's
    address would become a way into it.
    """
    try:
        return _find_or_make(provider, person, session, actor=actor)
    except PanelError as error:
        record("identity.sign-in", actor=actor, result=Result.REFUSED, label=person.email, code=error.code)
        raise


@transaction.atomic
def _find_or_make(provider: IdentityProvider, person: oidc.Person, session: SessionBase, *, actor: Actor) -> User:
    identity = Identity.objects.select_related("user").filter(provider=provider, subject=person.subject).first()
    if identity is not None:
        if not identity.user.is_active:
            raise Forbidden("This account is deactivated. Ask the operator.", code="deactivated")
        Identity.objects.filter(pk=identity.pk).update(last_used_at=timezone.now())
        return identity.user
    user = User.objects.filter(email=person.email).first() if person.email else None
    if not provider.is_trusted_for_email or not person.is_email_verified:
        raise _unknown(provider, "sign in another way first, and connect it in your account")
    if user is None:
        if not may_sign_up(session, person.email):
            raise _unknown(provider, f"ask the operator for an account of {person.email}")
        user = make_account(
            person.email,
            (person.name or person.email)[:80],
            None,
            is_verified=True,
            actor=actor,
            provider=provider.slug,
        )
    elif not user.is_active:
        raise Forbidden("This account is deactivated. Ask the operator.", code="deactivated")
    elif not user.is_email_verified:
        raise _unknown(provider, "sign in another way first, and connect it in your account")
    connect(user, provider, person, actor=actor_for(user, actor))
    return user


@transaction.atomic
def connect(user: User, provider: IdentityProvider, person: oidc.Person, *, actor: Actor) -> None:
    """From now on, who is `person` at the provider signs in as this user. Raises InvalidInput if one has another."""
    try:
        with transaction.atomic():
            Identity.objects.create(
                user=user, provider=provider, subject=person.subject, label=person.email, last_used_at=timezone.now()
            )
    except IntegrityError as error:
        if Identity.objects.filter(user=user, provider=provider, subject=person.subject).exists():
            return
        raise InvalidInput(
            f"Either you are connected to {provider} as somebody else, or this person there belongs to another account."
        ) from error
    record("identity.connect", actor=actor, target=user, provider=provider.slug, as_=person.email)


def confirm(user: User, provider: IdentityProvider, person: oidc.Person, *, actor: Actor) -> None:
    """That the person who came back is the one who is signed in; raises Forbidden if not."""
    if not user.identities.filter(provider=provider, subject=person.subject).exists():
        raise Forbidden(f"You signed in at {provider} as somebody else.", code="somebody-else")
    record("session.confirm", actor=actor, target=user, provider=provider.slug)


@transaction.atomic
def disconnect(identity: Identity, *, actor: Actor) -> None:
    """Raises Forbidden if its owner could not sign in any more."""
    user = identity.user
    if not user.has_usable_password() and not user.passkeys.exists() and user.identities.count() == 1:
        raise Forbidden("You could not sign in any more. Set a password first.", code="last-sign-in")
    record("identity.disconnect", actor=actor, target=user, provider=identity.provider.slug, as_=identity.label)
    identity.delete()


def _unknown(provider: IdentityProvider, what_to_do: str) -> Forbidden:
    return Forbidden(f"Nobody here is connected to this person at {provider}: {what_to_do}.", code="not-connected")


# --- the operator's list of providers ---------------------------------------------------------------------------------
@transaction.atomic
def save_provider(provider: IdentityProvider, *, actor: Actor) -> None:
    """Raises InvalidInput for an issuer without TLS, and for a short name that another provider has."""
    if not oidc.is_secure(provider.issuer):
        raise InvalidInput(f"The issuer must begin with https://, not {provider.issuer}.", field="issuer")
    is_new = provider.pk is None
    try:
        with transaction.atomic():
            provider.save()
    except IntegrityError as error:
        raise InvalidInput(f"The short name “{provider.slug}” is taken.", field="slug") from error
    record("provider.create" if is_new else "provider.change", actor=actor, target=provider, issuer=provider.issuer)


@transaction.atomic
def delete_provider(provider: IdentityProvider, *, actor: Actor) -> None:
    """Whoever signs in only there has to set a password by a link from then on."""
    record("provider.delete", actor=actor, target=provider, people=provider.identities.count())
    provider.delete()
