"""The labels by which we know our own objects at an engine.

Images hand their LABELs down to containers, so every key is set on every object: an image cannot pose as ours.
"""

from dataclasses import dataclass
from typing import Final, Self

PREFIX: Final = "berth."
INSTALLATION: Final = PREFIX + "installation"
TENANT: Final = PREFIX + "tenant"


@dataclass(frozen=True, slots=True)
class Labels:
    """Whose an object is. Ids are those of our rows; the row, not the label, is the identity."""

    installation: str
    tenant: int = 0
    application: int = 0
    release: int = 0
    service: str = ""

    def to_dict(self) -> dict[str, str]:
        return {PREFIX + key: str(getattr(self, key)) for key in self.__slots__}

    @classmethod
    def from_dict(cls, labels: dict[str, str]) -> Self:
        """Read them back; what is missing or malformed becomes 0 or ""."""

        def number(key: str) -> int:
            value = labels.get(PREFIX + key, "")
            return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0

        return cls(
            installation=labels.get(INSTALLATION, ""),
            tenant=number("tenant"),
            application=number("application"),
            release=number("release"),
            service=labels.get(PREFIX + "service", ""),
        )
