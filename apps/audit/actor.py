"""Who acts. Built by a middleware from the request, and by the worker from the operation's row."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

#: Two e-mail addresses may be longer, and are cut.
MAX_ACTOR_LABEL: Final = 254


@dataclass(frozen=True, slots=True)
class Actor:
    user_id: int | None
    label: str
    ip: str = ""
    request_id: str = ""
    #: Of an operator who looks through a member; the label names both.
    impersonation_id: int | None = None
    #: Of the API token by which they came; the label names it too.
    token_id: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**data)


SYSTEM = Actor(user_id=None, label="Berth")
