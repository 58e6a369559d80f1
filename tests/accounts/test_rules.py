"""The operator's rule for second factors: who must have one and has none can do nothing but set it up."""

import pytest

from apps.accounts.models import Required, SignUp
from apps.accounts.services import change_policy
from apps.audit.actor import SYSTEM
from tests.support.people import browser, code_of, has_app, signs_in

pytestmark = pytest.mark.django_db
FACTORS = "/account/second-factor/"


@pytest.fixture
def rule():
    return lambda required: change_policy(required, SignUp.INVITED, actor=SYSTEM)


@pytest.mark.parametrize(
    ("required", "alice_is_led", "oscar_is_led"),
    [(Required.NOBODY, False, False), (Required.OPERATORS, False, True), (Required.EVERYBODY, True, True)],
)
def test_who_must_is_led_to_set_one_up(acme, oscar, rule, required, alice_is_led, oscar_is_led):
    clients = browser(), browser()
    signs_in(clients[0])
    signs_in(clients[1], oscar.email)
    rule(required)  # also upon those who are signed in already
    answers = clients[0].get("/t/acme/"), clients[1].get("/console/")
    assert [answer.headers.get("Location") == FACTORS for answer in answers] == [alice_is_led, oscar_is_led]


@pytest.mark.parametrize("path", ["/", "/t/acme/", "/account/", "/account/sessions/", "/account/connected/"])
def test_every_other_page_leads_there(acme, visitor, rule, path):
    rule(Required.EVERYBODY)
    signs_in(visitor)
    assert visitor.get(path)["Location"] == FACTORS
    assert visitor.post(path)["Location"] == FACTORS
    assert visitor.get(path, headers={"HX-Request": "true"})["HX-Redirect"] == FACTORS


def test_what_sets_one_up_is_open_and_then_everything_is(acme, visitor, rule):
    rule(Required.EVERYBODY)
    signs_in(visitor)
    assert "demands a second factor" in visitor.get(FACTORS).content.decode()
    proposed = visitor.get("/account/second-factor/app/").context["proposed"]
    data = {"token": proposed.token, "code": code_of(proposed.secret)}
    assert visitor.post("/account/second-factor/app/", data).status_code == 200
    assert visitor.get("/t/acme/").status_code == 200


def test_one_may_always_sign_out(alice, visitor, rule):
    rule(Required.EVERYBODY)
    signs_in(visitor)
    assert visitor.post("/sign-out/")["Location"] == "/sign-in/"


def test_who_removes_it_is_led_there_again(acme, alice, visitor, rule):
    secret = has_app(alice)
    rule(Required.EVERYBODY)
    signs_in(visitor)
    visitor.post("/sign-in/second-factor/", {"code": code_of(secret)})
    visitor.post("/account/second-factor/app/remove/")
    assert visitor.get("/t/acme/")["Location"] == FACTORS
