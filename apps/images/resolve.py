"""From a reference to the image it means now: the worker's one entry, on every deploy.

Asking is also the proof that this tenant may read the image: the engine's store is shared, so that an image is on the
node says nothing about who may run it.
"""

from collections import OrderedDict
from collections.abc import Collection
from threading import Lock

from apps.core.outbound import Outbound
from apps.engine.errors import WrongArchitecture
from apps.images.errors import ImageUnusable
from apps.images.manifest import Descriptor, Index, read_config, read_manifest
from apps.images.reference import Reference, parse
from apps.images.registry import RegistryClient
from apps.images.types import Layer, ResolvedImage

TIMEOUT_S = 15.0


class _Memory:
    """What references meant when last asked, in this process; bounded, the longest unused goes first.

    It saves reading again what a digest already identifies, never the question whether the registry still gives that
    digest. (Docker Hub counts reads of manifests against its pull limit, but not `HEAD` requests.)
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._images: OrderedDict[tuple[Reference, str], ResolvedImage] = OrderedDict()

    def recall(self, reference: Reference, architecture: str) -> ResolvedImage | None:
        with self._lock:
            image = self._images.get((reference, architecture))
            if image:
                self._images.move_to_end((reference, architecture))
            return image

    def keep(self, image: ResolvedImage) -> None:
        with self._lock:
            self._images[image.reference, image.architecture] = image
            if len(self._images) > self._size:
                self._images.popitem(last=False)


_memory = _Memory(size=250)


def resolve(text: str, *, architecture: str, allowed: Collection[str]) -> ResolvedImage:
    """Ask the registry what `text` means for Linux on `architecture` (Go's name, such as `amd64`).

    `allowed` are the registries that the operator exempts from the address rules, `host` or `host:port`. Answers or
    fails within `TIMEOUT_S` seconds. Raises `InvalidInput` (field `image`), `ImageNotFound`, `ImagePullDenied`,
    `WrongArchitecture`, `ImageUnusable`, `RegistryNotAllowed`, `RegistryUnreachable`, `RegistryBusy` or
    `RegistryMisbehaved`, each with a sentence that names the image.
    """
    reference = parse(text)
    with Outbound(allowed=allowed, timeout_s=TIMEOUT_S) as outbound:
        return resolve_reference(reference, architecture=architecture, outbound=outbound)


def resolve_reference(reference: Reference, *, architecture: str, outbound: Outbound) -> ResolvedImage:
    """The same, with the caller's own way out."""
    client = RegistryClient(reference, outbound)
    remembered = _memory.recall(reference, architecture)
    if remembered and client.head_digest() == remembered.digest:
        return remembered
    image = _read_image(client, reference, architecture)
    _memory.keep(image)
    return image


def _read_image(client: RegistryClient, reference: Reference, architecture: str) -> ResolvedImage:
    name = reference.familiar
    digest, body = client.manifest()
    document, manifest_digest = read_manifest(body, name), digest
    if isinstance(document, Index):
        manifest_digest = _choose(document, reference, architecture).digest
        document = read_manifest(client.manifest(manifest_digest)[1], name)
        if isinstance(document, Index):
            raise ImageUnusable(f"{name} is a list of lists of images, which is not supported.")
    platform, config = read_config(client.blob(document.config.digest), name)
    # Where an index chose, its word counts: it is what the engine goes by, and images built by copying often lie.
    if manifest_digest == digest and (platform.os, platform.architecture) != ("linux", architecture):
        raise _wrong_architecture(reference, architecture, str(platform))
    return ResolvedImage(
        reference=reference,
        digest=digest,
        manifest_digest=manifest_digest,
        architecture=architecture,
        size_bytes=sum(layer.size for layer in document.layers),
        layers=tuple(Layer(layer.digest, layer.size) for layer in document.layers),
        config=config,
    )


def _choose(index: Index, reference: Reference, architecture: str) -> Descriptor:
    if (chosen := index.choose(architecture)) is None:
        raise _wrong_architecture(reference, architecture, ", ".join(index.platforms) or "no platform")
    return chosen


def _wrong_architecture(reference: Reference, architecture: str, offered: str) -> WrongArchitecture:
    return WrongArchitecture(
        f"{reference.familiar} is made for {offered[:200]}; this installation's engine runs linux/{architecture}."
    )
