"""From a reference to a digest, at a real registry filled by the real engine."""

import json

import pytest

from apps.core.outbound import Outbound
from apps.engine.errors import ImageNotFound, ImagePullDenied, RegistryUnreachable, WrongArchitecture
from apps.images.errors import ImageUnusable
from apps.images.reference import parse
from apps.images.resolve import resolve, resolve_reference
from apps.images.types import Healthcheck, ImageConfig
from tests.support.registry import CONFIG, MANIFEST, run_registry
from tests.support.web import silence

pytestmark = pytest.mark.engine


@pytest.fixture
def ask(registry, engine_architecture):
    """`resolve` for a name at the open registry, allowed by the operator."""

    def ask_registry(name, architecture=engine_architecture):
        return resolve(f"{registry.host}/{name}", architecture=architecture, allowed=[registry.host])

    return ask_registry


def test_a_tag_becomes_the_digest_that_the_engine_runs(ask, registry, engine, local_image):
    pushed = registry.push(local_image, "shop/web:1")
    image = ask("shop/web:1")

    assert image.pinned == f"{registry.host}/shop/web@{image.digest}"
    repository, _, digest = image.pinned.partition("@")
    pulled = engine.images.pull(repository, tag=digest, auth_config={})
    assert pulled.id == engine.images.get(local_image).id
    assert image.pinned in pulled.attrs["RepoDigests"]
    assert image.reference.canonical == pushed
    engine.images.remove(image.pinned)


def test_it_tells_what_the_image_brings(ask, registry, local_image, engine_architecture):
    registry.push(local_image, "shop/defaults:1")
    image = ask("shop/defaults:1")

    assert image.config == ImageConfig(
        cmd=("serve", "--all"),
        entrypoint=("/bin/app",),
        user="1000:1000",
        exposed_ports=("53/udp", "8080/tcp"),
        volumes=("/var/lib/app",),
        workdir="/srv",
        healthcheck=Healthcheck(("CMD-SHELL", "app --check"), 5.0, 2.0, None, 4),
        env_names=("TOKEN", "PATH"),
    )
    assert image.architecture == engine_architecture
    assert len(image.layers) == 1
    assert image.size_bytes == sum(layer.size_bytes for layer in image.layers) > 0
    assert image.manifest_digest == image.digest


def test_a_digest_is_resolved_to_itself(ask, registry, local_image):
    registry.push(local_image, "shop/pinned:1")
    digest = ask("shop/pinned:1").digest
    assert ask(f"shop/pinned@{digest}").digest == digest


def test_an_index_is_pinned_as_a_whole_and_read_for_the_engines_architecture(ask, registry):
    arm = registry.put_image("multi/app", "arm", architecture="arm64", Cmd=["arm"])
    amd = registry.put_image("multi/app", "amd", architecture="amd64", Cmd=["amd"])
    index = registry.put_index("multi/app", "1", [arm, amd])

    image = ask("multi/app:1", architecture="amd64")
    assert (image.digest, image.manifest_digest) == (index, amd["digest"])
    assert image.config.cmd == ("amd",)
    assert ask("multi/app:1", architecture="arm64").config.cmd == ("arm",)


def test_a_moved_tag_means_the_new_image(ask, registry):
    first = registry.put_image("moving/app", "1", architecture="amd64", Cmd=["old"])
    assert ask("moving/app:1", "amd64").digest == first["digest"]
    assert ask("moving/app:1", "amd64").config.cmd == ("old",)
    second = registry.put_image("moving/app", "1", architecture="amd64", Cmd=["new"])
    image = ask("moving/app:1", "amd64")
    assert (image.digest, image.config.cmd) == (second["digest"], ("new",))


def test_what_was_resolved_before_is_asked_for_again(ask, registry):
    stored = registry.put_image("gone/app", "1", architecture="amd64")
    reference = f"gone/app@{stored['digest']}"
    assert ask(reference, "amd64").digest == stored["digest"]
    registry.delete("gone/app", stored["digest"])
    with pytest.raises(ImageNotFound, match="has no image"):
        ask(reference, "amd64")


@pytest.mark.parametrize("name", ["nobody/nothing:1", "shop/exists:missing"])
def test_it_says_that_an_image_does_not_exist(ask, registry, name):
    registry.put_image("shop/exists", "1", architecture="amd64")
    with pytest.raises(ImageNotFound, match=f"has no image {registry.host}/{name}") as failure:
        ask(name)
    assert failure.value.code == "image-not-found"


def test_it_says_what_an_image_was_made_for_instead(ask, registry):
    registry.put_image("other/single", "1", architecture="s390x")
    with pytest.raises(WrongArchitecture, match="made for linux/s390x; this installation's engine runs linux/amd64"):
        ask("other/single:1", architecture="amd64")


def test_it_says_which_platforms_an_index_has(ask, registry):
    arm = registry.put_image("other/multi", "arm", architecture="arm64")
    arm["platform"]["variant"] = "v8"
    power = registry.put_image("other/multi", "power", architecture="ppc64le")
    attestation = {**arm, "platform": {"os": "unknown", "architecture": "unknown"}}
    registry.put_index("other/multi", "1", [arm, power, attestation])
    with pytest.raises(WrongArchitecture, match="made for linux/arm64/v8, linux/ppc64le; this"):
        ask("other/multi:1", architecture="amd64")


def test_an_image_for_windows_is_for_another_architecture(ask, registry):
    config = json.dumps({"os": "windows", "architecture": "amd64"}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, **registry.put_blob("other/windows", config)},
        "layers": [],
    }
    registry.put_manifest("other/windows", "1", manifest, MANIFEST)
    with pytest.raises(WrongArchitecture, match="made for windows/amd64"):
        ask("other/windows:1", architecture="amd64")


def test_it_refuses_what_is_not_a_container_image(ask, registry):
    chart = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", **registry.put_blob("charts/app", b"{}")},
        "layers": [],
    }
    registry.put_manifest("charts/app", "1", chart, "application/vnd.oci.image.manifest.v1+json")
    with pytest.raises(ImageUnusable, match=r"not a container image; it is a “application/vnd\.cncf\.helm"):
        ask("charts/app:1")


def test_it_refuses_an_image_with_more_layers_than_can_be_stacked(ask, registry):
    registry.put_image("deep/app", "127", architecture="amd64", layers=127)
    assert len(ask("deep/app:127", "amd64").layers) == 127
    registry.put_image("deep/app", "128", architecture="amd64", layers=128)
    with pytest.raises(ImageUnusable, match="128 layers; at most 127"):
        ask("deep/app:128", "amd64")


def test_it_refuses_a_configuration_that_is_too_large(ask, registry):
    registry.put_image("fat/app", "1", architecture="amd64", Env=["X=" + "x" * 600_000])
    with pytest.raises(ImageUnusable, match="too large"):
        ask("fat/app:1", "amd64")


@pytest.mark.parametrize(
    "defaults", [{"Env": [f"V{n}=1" for n in range(1001)]}, {"Cmd": 5}, {"Cmd": [{}]}, {"Volumes": 1}]
)
def test_it_refuses_a_configuration_that_makes_no_sense(ask, registry, defaults):
    registry.put_image("odd/app", "1", architecture="amd64", **defaults)
    with pytest.raises(ImageUnusable, match="configuration cannot be read"):
        ask("odd/app:1", "amd64")


def test_defaults_that_are_missing_or_meaningless_are_empty(ask, registry):
    registry.put_image(
        "bare/app", "1", architecture="amd64",
        Cmd=None, ExposedPorts={"80": {}, "99999/tcp": {}, "x": {}}, Healthcheck={"Test": ["NONE"]},
    )  # fmt: skip
    assert ask("bare/app:1", "amd64").config == ImageConfig((), (), "", ("80/tcp",), (), "", None, ())


def test_a_registry_with_passwords_needs_a_login(tmp_path, engine_architecture):
    htpasswd = {"htpasswd": {"realm": "private", "path": str(tmp_path / "htpasswd")}}
    with (
        run_registry(tmp_path, auth=htpasswd) as closed,
        pytest.raises(ImagePullDenied, match="does not support registries with a login yet") as failure,
    ):
        resolve(f"{closed.host}/shop/web:1", architecture=engine_architecture, allowed=[closed.host])
    assert failure.value.code == "image-needs-login"
    assert f"{closed.host}/shop/web:1" in failure.value.message


def test_it_says_that_a_registry_refuses_connections(tmp_path, engine_architecture):
    with run_registry(tmp_path) as stopped:
        pass
    with pytest.raises(RegistryUnreachable, match="it refused the connection") as failure:
        resolve(f"{stopped.host}/shop/web:1", architecture=engine_architecture, allowed=[stopped.host])
    assert f"{stopped.host}/shop/web:1" in failure.value.message


def test_it_says_that_a_registry_does_not_answer(engine_architecture):
    with silence() as mute, Outbound(allowed=[mute.authority], timeout_s=0.3) as outbound:
        reference = parse(f"{mute.authority}/shop/web:1")
        with pytest.raises(RegistryUnreachable, match=r"did not answer within 0\.3 seconds"):
            resolve_reference(reference, architecture=engine_architecture, outbound=outbound)
