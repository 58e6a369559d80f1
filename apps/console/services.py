from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import actor_for
from apps.audit.actor import Actor
from apps.audit.services import record
from apps.nodes.models import Installation
from apps.nodes.services import check_node, check_setup_token, local_node


@transaction.atomic
def set_up(token: str, *, installation_name: str, name: str, email: str, password: str, actor: Actor) -> User:
    """Use up the set-up link: the first operator, the installation's name, and a check of the local engine.

    Raises NotFound if the link is not valid any more.
    """
    Installation.objects.select_for_update().get()  # of two who use the link at once, one finds it used up
    ours = check_setup_token(token)
    operator = User.objects.create_user(email, password, name=name, is_operator=True)
    ours.name = installation_name
    ours.is_set_up = True
    ours.setup_token_hash = ""
    ours.save()
    actor = actor_for(operator, actor)
    record("installation.set-up", actor=actor, label=installation_name)
    record("user.create", actor=actor, target=operator, operator=True)
    check_node(local_node(), actor=actor)
    return operator
