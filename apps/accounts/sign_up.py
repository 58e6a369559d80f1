"""How an account comes to be, apart from the first operator's."""

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.services import actor_for
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.core.errors import InvalidInput


@transaction.atomic
def make_account(email: str, name: str, password: str, *, actor: Actor) -> User:
    """A new person. Raises InvalidInput for a taken address."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, password, name=name)
    except IntegrityError as error:
        raise InvalidInput(f"Somebody already has the address {email}.", field="email") from error
    record("account.sign-up", actor=actor_for(user, actor), target=user)
    return user
