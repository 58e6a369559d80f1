"""What every endpoint of the API shares."""

from typing import Final

from ninja import Field, Schema


class Problem(Schema):
    """Why a request was refused: a stable code, a sentence, and the field or parameter that is at fault, if one is."""

    code: str
    message: str
    field: str | None


#: What an endpoint may answer beside its own 200.
PROBLEMS: Final = {frozenset({401, 403, 404, 422, 429}): Problem}


class Paging(Schema):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=200, description="How many at most")
    offset: int = Field(0, ge=0, le=10**9, description="How many to leave out from the beginning")
