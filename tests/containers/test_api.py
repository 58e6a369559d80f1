"""Applications in the API, and how it says what went wrong."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from apps.containers import api
from apps.containers.models import Application
from apps.tenants.models import Tenant
from tests.factories import make_application, make_spec, make_token, own_image

pytestmark = pytest.mark.django_db

APPLICATIONS = "/api/v1/t/acme/applications"


@pytest.fixture
def shop(acme: Tenant) -> Application:
    own_image("httpd:1", "sha256:0")
    return make_application(acme, "shop")


@pytest.fixture
def get(client: Client, acme: Tenant, alice) -> Callable[[str], HttpResponse]:
    """Ask with a token of acme that may do everything."""
    _, secret = make_token(acme, alice)
    headers = {"host": settings.ENVIRONMENT.host, "authorization": f"Bearer {secret}"}
    return lambda path: client.get(path, headers=headers)


def test_it_tells_of_each_application_what_lists_show(shop, get):
    assert get(APPLICATIONS).json() == {
        "items": [
            {
                "slug": "shop",
                "status": "unknown",  # no engine has been seen in this test
                "image": make_spec().image,
                "release": None,
                "address": "http://shop--acme.localhost:8080/",
                "memory_bytes": 32 * 1024 * 1024,
                "cpu_millis": 250,
            }
        ],
        "count": 1,
    }


def test_an_application_without_a_port_has_no_address(acme, get):
    own_image("httpd:1", "sha256:0")
    make_application(acme, "worker", make_spec(port=None))
    assert get(APPLICATIONS).json()["items"][0]["address"] is None


def test_it_answers_in_parts_by_name(acme, get):
    own_image("httpd:1", "sha256:0")
    for slug in ("cherry", "apple", "banana"):
        make_application(acme, slug)
    part = get(f"{APPLICATIONS}?limit=2&offset=1").json()
    assert ([item["slug"] for item in part["items"]], part["count"]) == (["banana", "cherry"], 3)
    assert get(f"{APPLICATIONS}?offset=3").json() == {"items": [], "count": 3}


def test_its_queries_do_not_grow_with_the_applications(acme, shop, get, django_assert_num_queries):
    get(APPLICATIONS)  # that the token was used is written once a minute
    for slug in ("a", "b", "c", "d"):
        with django_assert_num_queries(5):
            get(APPLICATIONS)
        make_application(acme, slug)


@pytest.mark.parametrize(("query", "field"), [("limit=0", "limit"), ("limit=many", "limit"), ("offset=-1", "offset")])
def test_a_parameter_outside_the_rules_is_named(query, field, get):
    response = get(f"{APPLICATIONS}?{query}")
    assert response.status_code == 422
    problem = response.json()
    assert (problem["code"], problem["field"]) == ("invalid", field)
    assert problem["message"].startswith(f"{field}: ")


def test_what_there_is_not_is_said_in_json(get):
    for path in ("/api/v1/t/acme/nothing", "/api/v2/t/acme/applications", f"{APPLICATIONS}/"):
        response = get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not-found"), path


def test_a_fault_of_ours_tells_a_reference_and_nothing_else(shop, get, monkeypatch, caplog):
    monkeypatch.setattr(api, "with_rows", lambda _: 1 / 0)
    response = get(APPLICATIONS)
    assert response.status_code == 500
    problem = response.json()
    assert problem["code"] == "internal"
    reference = problem["message"].split(": ")[1].rstrip(".")
    assert f"reference {reference}" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivision" not in response.content.decode()


def test_its_description_is_open_to_everybody_and_names_the_errors(client):
    headers = {"host": settings.ENVIRONMENT.host}
    description = client.get("/api/v1/openapi.json", headers=headers).json()
    operation = description["paths"]["/api/v1/t/{tenant}/applications"]["get"]
    assert operation["security"] == [{"Bearer": []}]
    assert {"200", "401", "403", "404", "422", "429"} <= set(operation["responses"])


def test_it_sets_no_cookie(shop, get):
    assert not get(APPLICATIONS).cookies
