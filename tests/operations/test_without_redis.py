"""With Redis down the pages open, people sign in, and what they ask for is accepted and done later."""

import pytest
from django.conf import settings

from apps.operations.models import Operation, State
from apps.operations.tasks import publish_now
from panel.celery import app
from tests.factories import latest_operation, make_application
from tests.support.visitor import PASSWORD

HOST = {"host": settings.ENVIRONMENT.host}


@pytest.fixture
def no_redis(settings, monkeypatch):
    """Neither the broker nor the channel layer answers."""
    nowhere = "unix:///nowhere/redis.sock"
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [nowhere]}}
    }
    monkeypatch.setitem(app.conf, "broker_url", "redis+socket:///nowhere/redis.sock")
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_redis")
def test_people_sign_in_and_their_wishes_are_accepted(client, acme):
    answer = client.post("/sign-in/", {"email": "alice@example.com", "password": PASSWORD}, headers=HOST)
    assert answer["Location"] == "/"
    assert client.get("/t/acme/", headers=HOST).status_code == 200
    application = make_application(acme)
    assert client.get(f"/t/acme/operations/{latest_operation(application).pk}/", headers=HOST).status_code == 200
    assert client.post("/t/acme/applications/shop/stop/", headers=HOST).status_code == 302
    assert Operation.objects.filter(state=State.QUEUED).count() == 1


@pytest.mark.usefixtures("no_redis")
def test_a_hint_that_cannot_be_published_is_logged_and_nothing_else(caplog):
    publish_now()
    assert "the sweeper will publish" in caplog.text
