"""docs/members.md tells the permission table as it is."""

from apps.tenants.invitations import MAX_PENDING, MAX_PER_HOUR, VALID_FOR
from apps.tenants.permissions import MEANING, PERMISSIONS, Permission, Role
from panel.env import BASE_DIR

PAGE = (BASE_DIR / "docs" / "members.md").read_text()


def table() -> str:
    lines = [["permission", *(role.value for role in Role)], ["---"] * (len(Role) + 1)]
    for permission in Permission:
        marks = ["✓" if permission in PERMISSIONS[role] else "" for role in Role]
        lines.append([f"`{permission}`: {MEANING[permission]}", *marks])
    head, rule, *rows = lines
    return "\n".join([f"| {' | '.join(head)} |", f"|{'|'.join(rule)}|", *(f"| {' | '.join(row)} |" for row in rows)])


def test_the_table_of_roles_is_the_one_in_the_code():
    assert table() in PAGE


def test_the_bounds_of_invitations_are_those_in_the_code():
    text = " ".join(PAGE.split())
    assert f"for {VALID_FOR.total_seconds() / 3600:.0f} hours" in text
    assert f"At most {MAX_PENDING} can be pending in a tenant, and at most {MAX_PER_HOUR} are sent" in text
