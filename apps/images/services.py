"""Images as rows: what was resolved, and the installation's own."""

from typing import Any, Final

from django.conf import settings

from apps.engine.errors import ImageNotFound
from apps.images.models import Image
from apps.images.reference import parse
from apps.images.resolve import resolve
from apps.tenants.models import Tenant

#: A registry that exists only here: images of the installation itself, made by `make up`, run by image id. They alone
#: need no proof from a registry.
OWN_REGISTRY: Final = "berth.internal"
SAMPLE_REFERENCE: Final = f"{OWN_REGISTRY}/sample:1"


def find_image(tenant: Tenant, reference: str, *, architecture: str) -> Image:
    """The row of the image that this tenant's reference means now, with their right to it proved at its registry.

    Raises what `resolve` raises.
    """
    parsed = parse(reference)
    if parsed.registry == OWN_REGISTRY:
        own = Image.objects.filter(tenant=None, reference=reference).first()
        if own is None:
            raise ImageNotFound(
                f"This installation has no image {reference}. `make up` builds the sample when the engine answers."
            )
        return own
    resolved = resolve(reference, architecture=architecture, allowed=settings.ENVIRONMENT.allowed_registries)
    image, _ = Image.objects.get_or_create(
        tenant=tenant,
        reference=parsed.familiar,
        run_reference=resolved.pinned,
        defaults={
            "size_bytes": resolved.size_bytes,
            "architecture": resolved.architecture,
            "layers": [{"digest": layer.digest, "size_bytes": layer.size_bytes} for layer in resolved.layers],
            **_config(resolved.config.exposed_ports, resolved.config.volumes),
        },
    )
    return image


def register_own_image(reference: str, image_id: str, *, size_bytes: int, architecture: str) -> Image:
    """Note an image of the installation itself, replacing what the reference meant before."""
    image, _ = Image.objects.update_or_create(
        tenant=None,
        reference=reference,
        defaults={
            "run_reference": image_id,
            "image_id": image_id,
            "size_bytes": size_bytes,
            "architecture": architecture,
        },
    )
    return image


def _config(exposed_ports: tuple[str, ...], volumes: tuple[str, ...]) -> dict[str, Any]:
    ports = [int(port.removesuffix("/tcp")) for port in exposed_ports if port.endswith("/tcp")]
    return {"exposed_ports": ports, "volumes": list(volumes)}
