"""Reads that span relations. Lists take the same number of queries whatever their length."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actor import Actor
from apps.core.errors import PanelError
from apps.quotas.queries import Line, lines
from apps.quotas.resources import Resource
from apps.tenants.access import Access, Rule, rule_for
from apps.tenants.applications import application_names
from apps.tenants.models import ApiToken, Grant, Invitation, Membership, RoleOnApplication, Tenant
from apps.tenants.permissions import MEANING, OF_THE_TENANT, Permission, Role
from apps.tenants.roster import check_may_leave


def first_tenant(user: User) -> Tenant | None:
    return Tenant.objects.filter(memberships__user=user).order_by("memberships__created_at").first()


# --- lists ------------------------------------------------------------------------------------------------------------
_RANK: Final = Case(*(When(role=role, then=Value(rank)) for rank, role in enumerate(Role)), output_field=IntegerField())


def members_of(tenant: Tenant, query: str = "") -> QuerySet[Membership]:
    """Owners first; with a query those whose name or address contains it."""
    rows = tenant.memberships.select_related("user").prefetch_related("grants").order_by(_RANK, "user__name", "id")
    return rows.filter(Q(user__name__icontains=query) | Q(user__email__icontains=query)) if query else rows


def invitations_of(tenant: Tenant) -> QuerySet[Invitation]:
    """Those that can still be accepted."""
    rows = tenant.invitations.filter(expires_at__gt=timezone.now())
    return rows.select_related("invited_by").prefetch_related("grants")


def membership_of(tenant: Tenant, **which: int | None) -> Membership | None:
    rows = tenant.memberships.select_related("tenant", "user").prefetch_related("grants")
    return rows.filter(**which).first()


def named_grants(grants: Iterable[RoleOnApplication], names: Mapping[int, str]) -> list[tuple[str, Role]]:
    """Applications by name with the role there, in the order of the names."""
    given = {grant.application_id: Role(grant.role) for grant in grants}
    return [(name, given[pk]) for pk, name in names.items() if pk in given]


def members_page(access: Access, members: Iterable[Membership]) -> dict[str, Any]:
    """The members of one page of the list, and to those who may do something about them the pending invitations."""
    names = application_names(access.tenant)
    may_manage = access.allows(Permission.MEMBERS)
    invitations = list(invitations_of(access.tenant)) if may_manage else []
    return {
        "rows": [(member, named_grants(member.grants.all(), names)) for member in members],
        "invitations": [(invitation, named_grants(invitation.grants.all(), names)) for invitation in invitations],
        "may_manage": may_manage,
    }


# --- what somebody may do ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Reason:
    """What decides about a permission on these applications (their names), on which this role was granted."""

    rule: Rule
    role: Role
    applications: list[str]


@dataclass(frozen=True, slots=True)
class Right:
    """A permission: what decides about it in the whole tenant, and on the applications that were granted singly."""

    permission: Permission
    meaning: str
    everywhere: Rule
    single: list[Reason]


def rights_of(membership: Membership) -> list[Right]:
    """Every permission, with the rule that gives it to a member or takes it from them."""
    names = application_names(membership.tenant)
    granted = [grant for grant in membership.grants.all() if grant.application_id in names]
    return [
        Right(
            permission,
            MEANING[permission],
            rule_for(membership, permission),
            [] if permission in OF_THE_TENANT else _reasons(membership, permission, granted, names),
        )
        for permission in Permission
    ]


def _reasons(
    membership: Membership, permission: Permission, granted: Iterable[Grant], names: Mapping[int, str]
) -> list[Reason]:
    alike: dict[tuple[Rule, Role], list[str]] = {}
    for grant in granted:
        rule = rule_for(membership, permission, grant.application_id)
        alike.setdefault((rule, Role(grant.role)), []).append(names[grant.application_id])
    return [Reason(rule, role, sorted(alike[rule, role])) for rule in Rule for role in Role if (rule, role) in alike]


def what_is_lost(membership: Membership) -> list[str]:
    """What goes when somebody is no member any more, in words."""
    role, tenant = Role(membership.role), membership.tenant
    lost = [f"The role of {role.label.lower()} in {tenant.name}"]
    grants = named_grants(membership.grants.all(), application_names(tenant))
    lost += [f"The role of {granted.label.lower()} on {name}" for name, granted in grants]
    given = tenant.invitations.filter(invited_by=membership.user).values_list("email", flat=True)
    lost += [f"The invitation of {email}, which came from them" for email in given]
    return lost


def why_not_leave(membership: Membership, actor: Actor) -> str:
    """Why somebody cannot leave now, in a sentence; "" if they can."""
    try:
        check_may_leave(membership, actor)
    except PanelError as error:
        return error.message
    return ""


def places_after_one_more(tenant: Tenant) -> list[Line]:
    """The quota of members, after another one is invited."""
    return [line for line in lines(tenant.account, {Resource.MEMBERS: 1}) if line.resource == Resource.MEMBERS]


# --- invitations ------------------------------------------------------------------------------------------------------
def promises_of(invitation: Invitation) -> list[tuple[str, Role]]:
    return named_grants(invitation.grants.all(), application_names(invitation.tenant))


def has_account(email: str) -> bool:
    return User.objects.filter(email=email).exists()


# --- API tokens -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as lists show it; `applications` are the names of those that it is confined to, None for all."""

    token: ApiToken
    applications: list[str] | None


def tokens_of_tenant(tenant: Tenant) -> QuerySet[ApiToken]:
    """All that open the tenant, the tenant's own and its members', newest first."""
    return tenant.api_tokens.with_owners().filter(revoked_at=None)


def tokens_of_user(user: User) -> QuerySet[ApiToken]:
    return ApiToken.objects.with_owners().filter(membership__user=user, revoked_at=None)


def with_applications(tokens: Sequence[ApiToken]) -> list[TokenRow]:
    """Rows of these tokens, in one query more."""
    wanted = {pk for token in tokens for pk in token.application_ids or []}
    found = Tenant.objects.filter(applications__in=wanted).values_list("applications__pk", "applications__slug")
    slugs = dict(found)
    return [TokenRow(token, _names(token.application_ids, slugs)) for token in tokens]


def _names(ids: list[int] | None, slugs: dict[int, str]) -> list[str] | None:
    return None if ids is None else sorted(slugs[pk] for pk in ids if pk in slugs)
