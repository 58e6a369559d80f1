"""Applications in the API."""

from typing import Self

from ninja import Field, Query, Router, Schema

from apps.containers.queries import Row, with_rows
from apps.containers.status import Word
from apps.core.api import PROBLEMS, Paging
from apps.tenants.bearer import ApiRequest, tenant_access
from apps.tenants.permissions import Permission

router = Router(tags=["applications"])


class ApplicationOut(Schema):
    slug: str
    status: Word
    image: str = Field(description="The reference that the next release deploys")
    release: int | None = Field(description="The number of the release that serves; null before the first")
    address: str | None = Field(description="Where it answers; null for an application without a port")
    memory_bytes: int
    cpu_millis: int = Field(description="Thousandths of a core")

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(
            slug=row.application.slug,
            status=row.status.word,
            image=row.reference,
            release=row.release_number,
            address=row.url or None,
            memory_bytes=row.memory_bytes,
            cpu_millis=row.cpu_millis,
        )


class ApplicationList(Schema):
    items: list[ApplicationOut]
    count: int = Field(description="How many there are on all pages together")


@router.get(
    "/t/{slug:tenant}/applications",
    response={200: ApplicationList, **PROBLEMS},
    url_name="api-application-list",
    operation_id="list_applications",
)
def list_applications(request: ApiRequest, tenant: str, paging: Query[Paging]) -> ApplicationList:
    """The tenant's applications that the token may view, by name."""
    access = tenant_access(request, tenant, Permission.VIEW, somewhere=True)
    applications = access.narrow(access.tenant.applications.all(), Permission.VIEW)
    page = applications[paging.offset : paging.offset + paging.limit]
    return ApplicationList(items=[ApplicationOut.of(row) for row in with_rows(page)], count=applications.count())
