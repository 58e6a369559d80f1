"""What becomes of an application's reservations when an operation on it has ended, however it ended."""

from apps.containers.needs import settle
from apps.operations.lifecycle import at_end
from apps.operations.models import Operation


@at_end
def settle_application(operation: Operation) -> None:
    if operation.application_id is not None:
        settle(operation.application_id)
