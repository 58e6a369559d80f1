"""A tenant of one's own: for whoever signed up where anybody may, and belongs to none."""

import pytest

from apps.accounts.models import SignInPolicy, SignUp, User
from apps.core.errors import Forbidden
from apps.tenants.models import Tenant
from apps.tenants.permissions import Role
from apps.tenants.plans import default_plan
from apps.tenants.services import found_tenant
from tests.factories import make_user

pytestmark = pytest.mark.django_db
FORM = {"name": "Frank's", "slug": "franks"}


@pytest.fixture
def frank(db: None) -> User:
    """He has an account, and no tenant."""
    return make_user("frank")


@pytest.fixture
def _open(db: None) -> None:
    SignInPolicy.objects.create(pk=SignInPolicy.ONLY, sign_up=SignUp.OPEN)


@pytest.mark.usefixtures("_open")
def test_who_belongs_to_none_makes_one_on_the_default_plan(frank, sign_in):
    client = sign_in(frank)
    assert "/tenants/new/" in client.get("/").content.decode()
    assert client.post("/tenants/new/", FORM)["Location"] == "/t/franks/"
    tenant = Tenant.objects.get()
    assert tenant.plan == default_plan()
    assert tenant.memberships.get().role == Role.OWNER


@pytest.mark.usefixtures("_open")
def test_only_the_first_is_ones_own_to_make(frank, sign_in):
    client = sign_in(frank)
    client.post("/tenants/new/", FORM)
    assert client.post("/tenants/new/", FORM | {"slug": "second"}).status_code == 403
    assert Tenant.objects.count() == 1


def test_where_accounts_are_by_invitation_tenants_are_the_operators_to_make(frank, sign_in):
    client = sign_in(frank)
    assert "/tenants/new/" not in client.get("/").content.decode()
    assert client.post("/tenants/new/", FORM).status_code == 403
    with pytest.raises(Forbidden, match="asks the operator"):
        found_tenant("Frank's", "franks", user=frank, actor=None)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_open")
def test_a_taken_short_name_is_said_at_its_field(acme, frank, sign_in):
    answer = sign_in(frank).post("/tenants/new/", FORM | {"slug": "acme"})
    assert answer.status_code == 422
    assert "The short name “acme” is taken." in answer.content.decode()
