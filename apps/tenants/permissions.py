"""The permission table: what there is to be allowed, and which role allows it. Nothing else decides."""

from enum import StrEnum
from typing import Final

from django.db import models


class Permission(StrEnum):
    ENTER = "enter"
    VIEW = "view"
    LOGS = "logs"
    AUDIT = "audit"
    DEPLOY = "deploy"
    MANAGE = "manage"
    SECRETS_REVEAL = "secrets-reveal"
    DELETE = "delete"
    MEMBERS = "members"
    SETTINGS = "settings"
    CLOSE = "close"


class Role(models.TextChoices):
    """A member's role in the whole tenant, the highest first. A guest has only what single applications grant."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    DEVELOPER = "developer", "Developer"
    VIEWER = "viewer", "Viewer"
    AUDITOR = "auditor", "Auditor"
    GUEST = "guest", "Guest"

    def is_above(self, other: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) < ranks.index(other)


#: What each permission lets people do, as the pages say it.
MEANING: Final[dict[Permission, str]] = {
    Permission.ENTER: "Enter the tenant",
    Permission.VIEW: "See applications, their state and releases",
    Permission.LOGS: "Read logs",
    Permission.AUDIT: "Read the activity",
    Permission.DEPLOY: "Create, deploy and configure applications",
    Permission.MANAGE: "Stop, start, restart, kill and cancel",
    Permission.SECRETS_REVEAL: "Read and change the values of variables",
    Permission.DELETE: "Delete applications with their data",
    Permission.MEMBERS: "Invite and remove members, and change what they may do",
    Permission.SETTINGS: "Change the tenant's name and settings",
    Permission.CLOSE: "Delete the whole tenant",
}

#: What each role is for, as the forms say it.
PURPOSE: Final[dict[Role, str]] = {
    Role.OWNER: "Everything, also deleting the tenant.",
    Role.ADMIN: "Everything but deleting the tenant: members, settings, secrets, applications.",
    Role.DEVELOPER: "Creates, deploys, configures, starts and stops. Reads no secrets, deletes nothing.",
    Role.VIEWER: "Looks at applications, logs and the activity. Changes nothing.",
    Role.AUDITOR: "Reads the activity, and nothing else.",
    Role.GUEST: "Sees nothing but the single applications that are granted below.",
}

_LOOKING: Final = frozenset({Permission.ENTER, Permission.VIEW, Permission.LOGS, Permission.AUDIT})
_BUILDING: Final = _LOOKING | {Permission.DEPLOY, Permission.MANAGE}

PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {Permission.CLOSE},
    Role.DEVELOPER: _BUILDING,
    Role.VIEWER: _LOOKING,
    Role.AUDITOR: frozenset({Permission.ENTER, Permission.AUDIT}),
    Role.GUEST: frozenset({Permission.ENTER}),
}

#: Roles that can be granted on a single application, beyond the role in the whole tenant.
GRANTABLE: Final = (Role.DEVELOPER, Role.VIEWER)

#: What an API token may be given: not what would let it outgrow itself, nor the values of variables, which are for
#: people to look at.
OFFERED_TO_TOKENS: Final = (
    Permission.VIEW,
    Permission.LOGS,
    Permission.AUDIT,
    Permission.DEPLOY,
    Permission.MANAGE,
    Permission.DELETE,
)

#: Permissions that mean nothing on a single application.
OF_THE_TENANT: Final = frozenset({Permission.ENTER, Permission.MEMBERS, Permission.SETTINGS, Permission.CLOSE})

#: What stays possible in a suspended tenant.
READ_ONLY: Final = _LOOKING

#: What stays with the tenant's own people: an operator who looks through one of them may not do it.
NEVER_IMPERSONATED: Final = frozenset({Permission.SECRETS_REVEAL, Permission.MEMBERS, Permission.CLOSE})
