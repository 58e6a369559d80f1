from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose use it is: an application, as the rows of usage name it."""

    tenant_id: int
    application_id: int
    slug: str
