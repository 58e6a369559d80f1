"""The steps that operations go through, so that a page can draw them before they begin."""

from typing import Final

from apps.operations.models import Kind, Operation

TITLES: Final = {
    "check": "Ask the engine",
    "resolve": "Resolve the image",
    "pull": "Pull the image",
    "create": "Create the container",
    "start": "Start the container",
    "stop": "Stop the container",
    "kill": "Kill the container",
    "route": "Wait for an answer and route to it",
    "verify": "Verify the address",
    "retire": "Remove the container before",
    "containers": "Remove the containers",
    "network": "Remove the network",
    "volumes": "Remove the volumes",
    "networks": "Remove the networks",
    "proof": "Ask the engine what is left",
    "rows": "Delete all that is known of it",
}

PLANS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.DEPLOY: ("resolve", "pull", "create", "start", "route", "verify"),
    Kind.STOP: ("stop",),
    Kind.KILL: ("kill",),
    Kind.START: ("pull", "create", "start", "route", "verify"),
    Kind.RESTART: ("pull", "create", "stop", "start", "route", "verify"),
    Kind.DELETE: ("containers", "network", "volumes"),
    Kind.SUSPEND: ("stop",),
    Kind.RESUME: ("pull", "create", "start", "route", "verify"),
    Kind.ERASE: ("containers", "networks", "volumes", "proof", "rows"),
    Kind.CHECK_NODE: ("check",),
}


def planned_steps(operation: Operation) -> list[dict[str, str]]:
    """The steps that have not begun; none once the operation has ended."""
    if not operation.is_open:
        return []
    begun = {step["name"] for step in operation.steps}
    return [{"name": name, "title": TITLES[name]} for name in PLANS[Kind(operation.kind)] if name not in begun]
