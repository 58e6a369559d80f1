import io
import tarfile
from uuid import uuid4

import docker
import pytest


@pytest.fixture(scope="session")
def engine():
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def engine_architecture(engine):
    return engine.version()["Arch"]


@pytest.fixture(scope="session")
def local_image(engine):
    """A tag of the engine's own store: an image that uses every default a Dockerfile can set."""
    tag = f"berth-test-{uuid4().hex[:12]}:1"
    changes = [
        'CMD ["serve", "--all"]',
        'ENTRYPOINT ["/bin/app"]',
        "USER 1000:1000",
        "EXPOSE 8080 53/udp",
        "VOLUME /var/lib/app",
        "WORKDIR /srv",
        "ENV TOKEN=secret PATH=/bin",
        "HEALTHCHECK --interval=5s --timeout=2s --retries=4 CMD app --check",
    ]
    engine.api.import_image_from_data(_tar({"hello": b"world" * 1000}), repository=tag, changes=changes)
    yield tag
    engine.images.remove(tag)


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
