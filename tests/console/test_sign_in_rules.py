"""The operator's page of rules for signing in, and of providers."""

import pytest

from apps.accounts.models import IdentityProvider, SignInPolicy
from apps.audit.models import Event
from tests.support.people import browser, signs_in

pytestmark = pytest.mark.django_db
PROVIDER = {
    "name": "Corporate", "slug": "corporate", "issuer": "https://idp.example", "client_id": "berth",
    "client_secret": "s3cret", "is_enabled": "on",
}  # fmt: skip


@pytest.fixture
def console(oscar):
    client = browser()
    signs_in(client, oscar.email)
    return client


def test_the_rules_are_kept_and_the_change_recorded(console):
    console.post("/console/sign-in/policy/", {"second_factor": "operators", "sign_up": "closed"})
    policy = SignInPolicy.objects.get()
    assert (policy.second_factor, policy.sign_up) == ("operators", "closed")
    assert Event.objects.get(action="policy.change").data == {"second_factor": "operators", "sign_up": "closed"}


def test_an_unknown_rule_is_refused(console):
    assert console.post("/console/sign-in/policy/", {"second_factor": "some", "sign_up": "open"}).status_code == 422
    assert not SignInPolicy.objects.exists()


def test_a_provider_is_added_and_its_secret_never_shown_again(console):
    answer = console.post("/console/sign-in/providers/new/", PROVIDER)
    page = console.get(answer["Location"]).content.decode()
    assert "/sign-in/at/corporate/back/" in page
    assert "s3cret" not in page
    assert "s3cret" not in str(list(Event.objects.values_list("data", flat=True)))
    assert "Corporate" in browser().get("/sign-in/").content.decode()


def test_an_empty_secret_keeps_the_old_one_and_short_name_and_issuer_stay(console):
    path = console.post("/console/sign-in/providers/new/", PROVIDER)["Location"]
    console.post(path, PROVIDER | {"client_secret": "", "name": "Renamed", "slug": "renamed", "issuer": "https://b"})
    provider = IdentityProvider.objects.get()
    assert (provider.name, provider.slug, provider.issuer) == ("Renamed", "corporate", "https://idp.example")
    assert provider.client_secret == "s3cret"


@pytest.mark.parametrize(
    ("field", "value"),
    [("issuer", "http://idp.example"), ("issuer", "nonsense"), ("slug", "a b"), ("client_secret", ""), ("name", "")],
)
def test_a_provider_outside_the_rules_is_an_error_of_its_field(console, field, value):
    answer = console.post("/console/sign-in/providers/new/", PROVIDER | {field: value})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors


def test_a_short_name_is_one_providers(console):
    console.post("/console/sign-in/providers/new/", PROVIDER)
    answer = console.post("/console/sign-in/providers/new/", PROVIDER)
    assert "slug" in answer.context["form"].errors


def test_a_provider_that_does_not_answer_fails_the_test_with_a_sentence(console):
    path = console.post("/console/sign-in/providers/new/", PROVIDER | {"issuer": "http://localhost:9"})["Location"]
    answer = console.post(f"{path}test/", follow=True)
    assert "refused the connection" in answer.content.decode()


def test_a_provider_is_removed(console):
    path = console.post("/console/sign-in/providers/new/", PROVIDER)["Location"]
    console.post(f"{path}delete/")
    assert not IdentityProvider.objects.exists()
