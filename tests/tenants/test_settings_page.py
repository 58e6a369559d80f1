import pytest

from apps.audit.models import Event

pytestmark = pytest.mark.django_db


def test_the_name_changes_and_the_short_name_stays(acme, adam, sign_in):
    client = sign_in(adam)
    assert "so it never changes" in client.get("/t/acme/settings/").content.decode()
    client.post("/t/acme/settings/rename/", {"name": "  Acme \n Harbour  "})
    acme.refresh_from_db()
    assert (acme.name, acme.slug) == ("Acme Harbour", "acme")
    event = Event.objects.get(action="tenant.rename")
    assert (event.target_label, event.data["before"]) == ("Acme Harbour", "Acme")


def test_a_tenant_has_a_name(acme, adam, sign_in):
    assert sign_in(adam).post("/t/acme/settings/rename/", {"name": " "}).status_code == 422
    acme.refresh_from_db()
    assert acme.name == "Acme"
