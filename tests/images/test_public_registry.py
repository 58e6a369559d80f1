"""Docker Hub as the internet has it: TLS, anonymous tokens, blobs at a CDN. Its names lead to servers of this machine
behind certificates for those names; where a real registry can play the part, it does."""

import hashlib
import json
import ssl
from ipaddress import ip_address

import pytest

from apps.core.outbound import Outbound
from apps.engine.errors import ImageNotFound, ImagePullDenied, RegistryNotAllowed, RegistryUnreachable
from apps.images.errors import ImageUnusable, RegistryBusy, RegistryMisbehaved
from apps.images.reference import parse
from apps.images.resolve import resolve_reference
from tests.support.certificates import make_certificate
from tests.support.registry import CONFIG, MANIFEST, run_registry
from tests.support.token_server import ISSUER, SERVICE, run_token_server
from tests.support.web import Internet, Web, serve

pytestmark = pytest.mark.engine

HUB, AUTH, CDN = "93.184.216.1", "93.184.216.2", "93.184.216.3"
DNS = {"registry-1.docker.io": HUB, "auth.docker.io": AUTH, "cdn.example": CDN, "rebound.example": "10.0.0.1"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {name: make_certificate(folder, name) for name in ("registry-1.docker.io", "auth.docker.io", "cdn.example")}


@pytest.fixture(scope="module")
def tls(certificates):
    context = ssl.create_default_context()
    for certificate in certificates.values():
        context.load_verify_locations(certificate.certificate_file)
    return context


@pytest.fixture
def ask(tls):
    """Resolve a reference on an internet that consists of the given servers."""

    def ask_internet(text, **servers):
        addresses = {"hub": f"{HUB}:443", "auth": f"{AUTH}:443", "cdn": f"{CDN}:443"}
        internet = Internet({addresses[name]: web for name, web in servers.items()})
        with Outbound(
            allowed=(), timeout_s=10, resolver=lambda host: [ip_address(DNS[host])], dialer=internet, tls=tls
        ) as outbound:
            return resolve_reference(parse(text), architecture="amd64", outbound=outbound)

    return ask_internet


@pytest.fixture
def hub_says(certificates):
    """A registry that answers as told: for what a real one would never do."""

    def serve_hub(answer):
        return serve(answer, certificate=certificates["registry-1.docker.io"])

    return serve_hub


def as_web(registry) -> Web:
    host, _, port = registry.host.partition(":")
    return Web(host, int(port))


@pytest.fixture
def hub(tmp_path, certificates):
    """Docker Hub in small: a real registry with token sign-in and TLS, `public/*` open, all else closed."""
    certificate = certificates["registry-1.docker.io"]
    with run_registry(tmp_path) as filling:
        filling.put_image("public/web", "1", architecture="amd64", Cmd=["web"])
        filling.put_image("closed/web", "1", architecture="amd64")
    auth = {
        "token": {
            "realm": "https://auth.docker.io/token?by=berth",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(certificates["auth.docker.io"].certificate_file),
        }
    }
    http = {"tls": {"certificate": str(certificate.certificate_file), "key": str(certificate.key_file)}}
    with run_registry(tmp_path, http=http, auth=auth) as running:
        yield as_web(running)


@pytest.fixture
def auth(certificates):
    with run_token_server(certificates["auth.docker.io"], tls=certificates["auth.docker.io"]) as running:
        yield running


def test_an_open_image_of_docker_hub_needs_only_an_anonymous_token(ask, hub, auth):
    image = ask("public/web:1", hub=hub, auth=auth)
    assert image.config.cmd == ("web",)
    assert image.pinned.startswith("docker.io/public/web@sha256:")
    assert len(auth.requests) == 1
    assert "authorization" not in auth.requests[0].headers


def test_a_closed_image_needs_a_login(ask, hub, auth):
    with pytest.raises(
        ImagePullDenied, match=r"closed/web:1 needs a login at the registry docker\.io, or does not exist"
    ):
        ask("closed/web:1", hub=hub, auth=auth)


def test_a_sign_in_service_that_is_down_is_named(ask, hub):
    with pytest.raises(
        RegistryUnreachable, match=r"hands its sign-in to auth\.docker\.io, which .* refused the connection"
    ):
        ask("public/web:1", hub=hub)


def challenge(realm):
    return lambda _: (401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'}, b"")


@pytest.mark.parametrize(
    "realm",
    [
        "https://127.0.0.1/token",
        "https://localhost/token",
        "https://rebound.example/token",
        "https://cdn.example:8443/",
    ],
)
def test_a_sign_in_service_must_be_public_too(ask, hub_says, realm):
    with hub_says(challenge(realm)) as hub, pytest.raises(RegistryNotAllowed, match="hands its sign-in to"):
        ask("public/web:1", hub=hub)


@pytest.mark.parametrize("realm", ["http://auth.docker.io/token", "file:///etc/passwd", "", "[", "https"])
def test_a_sign_in_service_must_have_tls_where_the_registry_has_it(ask, hub_says, realm):
    with hub_says(challenge(realm)) as hub, pytest.raises(RegistryMisbehaved, match="without"):
        ask("public/web:1", hub=hub)


@pytest.mark.parametrize("token", [b"", b"{}", b'{"token": 5}', b'{"token": "a\\r\\nX: y"}', b"[" * 10_000])
def test_a_token_that_makes_no_sense_is_refused(ask, hub_says, certificates, token):
    with (
        hub_says(challenge("https://auth.docker.io/token")) as hub,
        serve(lambda _: (200, {}, token), certificate=certificates["auth.docker.io"]) as auth,
        pytest.raises(RegistryMisbehaved, match="token that cannot be read"),
    ):
        ask("public/web:1", hub=hub, auth=auth)


@pytest.mark.parametrize("header", [{}, {"WWW-Authenticate": 'Basic realm="x"'}, {"WWW-Authenticate": "Negotiate"}])
def test_any_other_sign_in_is_a_login(ask, hub_says, header):
    with hub_says(lambda _: (401, header, b"")) as hub, pytest.raises(ImagePullDenied):
        ask("public/web:1", hub=hub)


def digest_of(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


IMAGE_CONFIG = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Cmd": ["far"]}}).encode()
IMAGE_MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(IMAGE_CONFIG), "size": len(IMAGE_CONFIG)},
        "layers": [],
    }
).encode()


def keeping_blobs_at(base):
    """Answers of a registry that has the manifest itself and redirects to `base` for blobs."""

    def answer(request):
        if "/blobs/" in request.path:
            return 307, {"Location": base + request.path}, b""
        return 200, {"Content-Type": MANIFEST}, IMAGE_MANIFEST

    return answer


def test_a_configuration_may_come_from_a_public_store(ask, hub_says, certificates):
    with (
        hub_says(keeping_blobs_at("https://cdn.example")) as hub,
        serve(lambda _: (200, {}, IMAGE_CONFIG), certificate=certificates["cdn.example"]) as cdn,
    ):
        assert ask("public/far:1", hub=hub, cdn=cdn).config.cmd == ("far",)


def test_the_token_stays_with_the_registry(ask, hub_says, certificates):
    def answer(request):
        if "authorization" not in request.headers:
            return challenge("https://auth.docker.io/token")(request)
        return keeping_blobs_at("https://cdn.example")(request)

    with (
        hub_says(answer) as hub,
        serve(lambda _: (200, {}, b'{"access_token": "t"}'), certificate=certificates["auth.docker.io"]) as auth,
        serve(lambda _: (200, {}, IMAGE_CONFIG), certificate=certificates["cdn.example"]) as cdn,
    ):
        assert ask("public/token:1", hub=hub, auth=auth, cdn=cdn).config.cmd == ("far",)
    assert [request.headers.get("authorization") for request in hub.requests] == [None, "Bearer t", "Bearer t"]
    assert "authorization" not in cdn.requests[0].headers


@pytest.mark.parametrize(
    "base",
    ["https://127.0.0.1", "https://localhost", "https://rebound.example", "https://cdn.example:5000", "https://["],
)
def test_a_store_must_be_public_too(ask, hub_says, base):
    with hub_says(keeping_blobs_at(base)) as hub, pytest.raises(RegistryNotAllowed, match="redirects to"):
        ask("public/far:2", hub=hub)


def test_a_store_must_have_tls_where_the_registry_has_it(ask, hub_says):
    with (
        hub_says(keeping_blobs_at("http://cdn.example")) as hub,
        pytest.raises(RegistryMisbehaved, match=r"without it, cdn\.example"),
    ):
        ask("public/far:3", hub=hub)


@pytest.mark.parametrize("headers", [{"Location": "/v2/again"}, {}])
def test_it_does_not_follow_redirects_for_ever(ask, hub_says, headers):
    with hub_says(lambda _: (302, headers, b"")) as hub, pytest.raises(RegistryMisbehaved, match="in circles"):
        ask("public/circle:1", hub=hub)
    assert len(hub.requests) == 4


def test_content_must_match_its_digest(ask, hub_says):
    def answer(request):
        return 200, {}, b"{}" if "/blobs/" in request.path else IMAGE_MANIFEST

    with hub_says(answer) as hub, pytest.raises(RegistryMisbehaved, match="does not match its digest"):
        ask("public/forged:1", hub=hub)
    with hub_says(answer) as hub, pytest.raises(RegistryMisbehaved, match="does not match its digest"):
        ask(f"public/forged@{digest_of(b'other')}", hub=hub)


def test_a_digest_that_the_registry_only_claims_is_not_believed(ask, hub_says):
    def claiming(digest):
        def answer(request):
            body = IMAGE_CONFIG if "/blobs/" in request.path else IMAGE_MANIFEST
            return 200, {"Docker-Content-Digest": digest}, body

        return answer

    for _ in range(2):  # the second time it is remembered, and asked for by HEAD
        with hub_says(claiming(digest_of(b"of another tenant"))) as hub:
            assert ask("public/claim:1", hub=hub).digest == digest_of(IMAGE_MANIFEST)


@pytest.mark.parametrize("status", [405, 501])
def test_a_registry_without_head_is_read_again(ask, hub_says, status):
    def answer(request):
        if request.method == "HEAD":
            return status, {}, b""
        return 200, {}, IMAGE_CONFIG if "/blobs/" in request.path else IMAGE_MANIFEST

    with hub_says(answer) as hub:
        first = ask(f"public/no-head:{status}", hub=hub)
        assert ask(f"public/no-head:{status}", hub=hub) == first


def test_what_was_read_once_is_only_confirmed(ask, hub_says):
    def answer(request):
        body = IMAGE_CONFIG if "/blobs/" in request.path else IMAGE_MANIFEST
        return 200, {"Docker-Content-Digest": digest_of(body)}, body

    with hub_says(answer) as hub:
        assert ask("public/seen:1", hub=hub) is ask("public/seen:1", hub=hub)
    assert [request.method for request in hub.requests] == ["GET", "GET", "HEAD"]


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (403, ImagePullDenied, "needs a login"),
        (404, ImageNotFound, "has no image public/web:1"),
        (429, RegistryBusy, "too many requests"),
        (500, RegistryMisbehaved, "status 500"),
        (204, RegistryMisbehaved, "status 204"),
    ],
)
def test_each_refusal_has_its_own_sentence(ask, hub_says, status, error, said):
    with hub_says(lambda _: (status, {}, b"")) as hub, pytest.raises(error, match=said):
        ask("public/web:1", hub=hub)


def test_half_an_image_is_named_as_such(ask, hub_says):
    def answer(request):
        return (404, {}, b"") if "/blobs/" in request.path else (200, {}, IMAGE_MANIFEST)

    with hub_says(answer) as hub, pytest.raises(RegistryMisbehaved, match="only in part"):
        ask("public/half:1", hub=hub)


DESCRIPTOR = {"mediaType": CONFIG, "digest": digest_of(b""), "size": 1}


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"", "manifest cannot be read"),
        (b"[" * 100_000, "manifest cannot be read"),
        (b"<html>", "manifest cannot be read"),
        ({"schemaVersion": 1, "fsLayers": []}, "format of 2015"),
        ({"schemaVersion": 2}, "neither layers nor platforms"),
        ({"schemaVersion": 2, "manifests": [], "config": DESCRIPTOR, "layers": []}, "neither layers nor platforms"),
        ({"schemaVersion": 2, "config": {**DESCRIPTOR, "digest": "sha256:../.."}, "layers": []}, "cannot be read"),
        ({"schemaVersion": 2, "config": DESCRIPTOR, "layers": [{**DESCRIPTOR, "size": -1}]}, "cannot be read"),
        (b" " * (4 * 1024 * 1024 + 1), "too large"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(ask, hub_says, manifest, said):
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    with hub_says(lambda _: (200, {}, body)) as hub, pytest.raises(ImageUnusable, match=said):
        ask("public/odd:1", hub=hub)


def test_a_list_of_lists_is_refused(ask, hub_says):
    inner = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    platform = {"os": "linux", "architecture": "amd64"}
    outer = {"schemaVersion": 2, "manifests": [{"digest": digest_of(inner), "size": 1, "platform": platform}]}

    def answer(request):
        return 200, {}, inner if "sha256" in request.path else json.dumps(outer).encode()

    with hub_says(answer) as hub, pytest.raises(ImageUnusable, match="list of lists"):
        ask("public/nested:1", hub=hub)


def test_a_public_registry_without_tls_is_not_used(ask):
    with (
        serve(lambda _: (200, {}, IMAGE_MANIFEST)) as plain,
        pytest.raises(RegistryUnreachable, match="does not speak TLS"),
    ):
        ask("public/web:1", hub=plain)
    assert plain.requests == []
