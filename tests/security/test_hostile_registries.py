"""A registry is a tenant's own server: what it makes the engine do or say must not reach the operator's network."""

import hashlib
import json
import time

import pytest

from apps.engine.translation import pull_error
from apps.operations.models import Operation, State
from tests.factories import latest_operation, make_application, make_spec
from tests.support.registry import CONFIG, LAYER, MANIFEST
from tests.support.web import serve

pytestmark = pytest.mark.engine


class HostileRegistry:
    """One image whose documents are right, and whose layers are answered as the attacker likes."""

    def __init__(self, layer_answer, layers=1):
        self.layer_answer = layer_answer
        salt = f"{time.time_ns()}"
        diff = [f"sha256:{hashlib.sha256(f'{salt}{n}'.encode()).hexdigest()}" for n in range(layers)]
        self.config = json.dumps(
            {
                "os": "linux",
                "architecture": "amd64",
                "config": {"Cmd": ["sh"]},
                "rootfs": {"type": "layers", "diff_ids": diff},
            }
        ).encode()
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": sha(self.config), "size": len(self.config)},
                "layers": [{"mediaType": LAYER, "digest": d, "size": 10_000_000} for d in diff],
            }
        ).encode()

    def __call__(self, request):
        if "/manifests/" in request.path:
            return 200, {"Content-Type": MANIFEST, "Docker-Content-Digest": sha(self.manifest)}, self.manifest
        if request.path.endswith(sha(self.config)):
            return 200, {}, self.config
        if "/blobs/" in request.path:
            return self.layer_answer(request)
        return 200, {}, b"{}"


def redirecting_registry(location: str) -> HostileRegistry:
    return HostileRegistry(lambda _request: (307, {"Location": location}, b""))


def sha(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def deploy_from(web, tenant, settle, settings) -> Operation:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"allowed_registries": (web.authority,)})
    application = make_application(tenant, "hostile", make_spec(f"{web.authority}/r1/x:1", port=None))
    return settle(latest_operation(application))


def test_a_registry_cannot_read_an_internal_host_through_the_engine(acme, settle, engine, settings):
    """The engine follows the redirects of a layer anywhere and quotes the body of a refusal in its error."""
    secret = b"<h1>internal admin console, build 4711</h1>"
    with (
        serve(lambda _request: (403, {"Content-Type": "text/html"}, secret)) as internal,
        serve(redirecting_registry(f"http://{internal.authority}/latest/meta-data/?a=b")) as web,
    ):
        operation = deploy_from(web, acme, settle, settings)
    assert operation.state == State.FAILED
    assert "4711" not in operation.error_message


@pytest.mark.parametrize("found", ["connection refused", "i/o timeout", "no route to host"])
def test_a_registry_cannot_scan_ports_through_the_engine(found):
    """What the engine says, word for word, of a layer that redirects to a private address (after 75 s of trying)."""
    words = f'Get "http://10.0.0.1:9/": dial tcp 10.0.0.1:9: connect: {found}'
    assert pull_error("evil.example/x:1", words).message == pull_error("evil.example/x:1", "").message


def test_a_registry_cannot_fill_the_database_with_its_error(acme, settle, engine, settings):
    with serve(HostileRegistry(lambda _request: (403, {}, b"x" * 3_000_000))) as web:
        operation = deploy_from(web, acme, settle, settings)
    assert len(operation.error_message) < 2000
