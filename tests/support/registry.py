"""A real Docker registry (Debian's `docker-registry`) on a free loopback port, which an engine may use without TLS."""

import hashlib
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpcore
import pytest

LISTENS = re.compile(r'listening on [^"]*:(\d+)')
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True)
class Registry:
    host: str
    """`127.0.0.1:PORT`, as it stands in a reference."""

    def push(self, local_tag: str, repository_tag: str) -> str:
        """Push an image of the engine as `repository:tag`; returns the reference that names it here."""
        reference = f"{self.host}/{repository_tag}"
        repository, _, tag = reference.rpartition(":")
        client = docker.from_env()
        try:
            client.images.get(local_tag).tag(repository, tag)
            for line in client.images.push(repository, tag, auth_config={}, stream=True, decode=True):
                assert "error" not in line, line["error"]
            client.images.remove(reference)
        finally:
            client.close()
        return reference

    def put_image(
        self, repository: str, tag: str, *, architecture: str, layers: int = 1, **config: Any
    ) -> dict[str, Any]:
        """Store an image made by hand; returns its descriptor, to be listed in an index."""
        body = json.dumps({"os": "linux", "architecture": architecture, "config": config}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **self.put_blob(repository, body)},
            "layers": [{"mediaType": LAYER, **self.put_blob(repository, b"layer %d" % n)} for n in range(layers)],
        }
        stored = self.put_manifest(repository, tag, manifest, MANIFEST)
        return {"mediaType": MANIFEST, **stored, "platform": {"os": "linux", "architecture": architecture}}

    def put_index(self, repository: str, tag: str, images: list[dict[str, Any]]) -> str:
        """Store a list of images for several platforms; returns its digest."""
        index = {"schemaVersion": 2, "mediaType": MANIFEST_LIST, "manifests": images}
        return str(self.put_manifest(repository, tag, index, MANIFEST_LIST)["digest"])

    def put_blob(self, repository: str, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        upload = self._send("POST", f"/v2/{repository}/blobs/uploads/")
        location = dict(upload.headers)[b"Location"].decode()
        self._send("PUT", f"{location}&digest={digest}", content=content)
        return {"digest": digest, "size": len(content)}

    def put_manifest(self, repository: str, tag: str, manifest: Mapping[str, Any], media_type: str) -> dict[str, Any]:
        content = json.dumps(manifest).encode()
        answer = self._send("PUT", f"/v2/{repository}/manifests/{tag}", content=content, media_type=media_type)
        return {"digest": dict(answer.headers)[b"Docker-Content-Digest"].decode(), "size": len(content)}

    def delete(self, repository: str, digest: str) -> None:
        self._send("DELETE", f"/v2/{repository}/manifests/{digest}")

    def _send(self, method: str, target: str, *, content: bytes = b"", media_type: str = "application/octet-stream"):
        url = target if "://" in target else f"http://{self.host}{target}"
        answer = httpcore.request(method, url, headers={"Content-Type": media_type}, content=content)
        assert answer.status < 300, answer.content
        return answer


@contextmanager
def run_registry(
    folder: Path, *, http: Mapping[str, Any] | None = None, auth: Mapping[str, Any] | None = None
) -> Iterator[Registry]:
    """Run a registry that keeps its data in `folder`; `http` and `auth` are further sections of its configuration."""
    configuration = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0", **(http or {})},
        **({"auth": auth} if auth else {}),
    }
    path = folder / "registry.json"  # JSON is YAML
    path.write_text(json.dumps(configuration))
    log = folder / "registry.log"
    with log.open("w") as output, subprocess.Popen(["docker-registry", "serve", path], stderr=output) as process:
        try:
            yield Registry(f"127.0.0.1:{_await_port(process, log)}")
        finally:
            process.kill()


def _await_port(process: "subprocess.Popen[bytes]", log: Path) -> str:
    while process.poll() is None:
        if match := LISTENS.search(log.read_text()):
            return match[1]
        time.sleep(0.02)
    raise AssertionError(f"docker-registry did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An open registry, shared by all tests: use repository names of your own."""
    with run_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running
