"""References to images as people type them: `nginx:1.27`, `registry.example/shop/web:3`, `…@sha256:…`.

The grammar is Docker's (github.com/distribution/reference), with two simplifications: a registry is recognised by its
dot, port or the name `localhost` alone, and digests are SHA-256, the only kind that registries hand out.
"""

import re
from dataclasses import dataclass

from apps.core.errors import InvalidInput

HUB = "docker.io"
MAX_CHARS = 255
_DIGEST_CHARS = len("@sha256:") + 64

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_REPOSITORY_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*")
_HOST_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference, every default filled in; `tag` is None only where a digest stands alone."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        """Registry and repository: `docker.io/library/nginx`."""
        return f"{self.registry}/{self.repository}"

    @property
    def canonical(self) -> str:
        """The whole reference, nothing left out: `docker.io/library/nginx:1.27`."""
        return self.name + self._suffix

    @property
    def familiar(self) -> str:
        """The shortest form that means the same, as people type it: `nginx:1.27`."""
        return self._familiar_name + self._suffix

    def pinned(self, digest: str) -> str:
        """What the engine is told to run: this name at exactly this content, whatever the tag says later."""
        return f"{self.name}@{digest}"

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def _familiar_name(self) -> str:
        if self.registry != HUB:
            return self.name
        namespace, _, rest = self.repository.partition("/")
        if namespace == "library" and rest and "/" not in rest:
            return rest
        # `docker.io/quay.io/x` must not shrink to `quay.io/x`, which is another registry.
        return self.name if _is_registry(namespace) else self.repository


def parse(text: str) -> Reference:
    """Read what a person typed, or raise `InvalidInput` that names the rule and the value.

    The length rule counts the full form without the digest, so `canonical` and `pinned` can be parsed again.
    """
    text = text.strip()
    if not text:
        raise _invalid("An image is needed, such as nginx:1.27 or registry.example/shop/web:3.")
    if len(text) > MAX_CHARS + _DIGEST_CHARS:  # before any pattern sees it
        raise _too_long(text, len(text))
    if "://" in text:
        raise _invalid(f"An image is written without {text.partition('://')[0]}://, not {_quote(text)}.")
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _invalid(f"A digest is “sha256:” and 64 digits of 0–9 and a–f, not {_quote(digest)}.")
    name, tag = _split_tag(name)
    registry, repository = _split_registry(name)
    reference = Reference(registry, repository, tag or (None if digest else "latest"), digest or None)
    if (length := len(reference.canonical.partition("@")[0])) > MAX_CHARS:
        raise _too_long(text, length)
    return reference


def _split_tag(name: str) -> tuple[str, str]:
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon, if any, belongs to the registry's port
        return name, ""
    if not _TAG.fullmatch(tag):
        raise _invalid(
            "A tag has 1 to 128 letters, digits, “_”, “.” and “-”, and does not start with “.” or “-”; "
            f"not {_quote(tag)}."
        )
    return head, tag


def _split_registry(name: str) -> tuple[str, str]:
    registry, slash, repository = name.partition("/")
    if not slash or not _is_registry(registry):
        registry, repository = HUB, name
    _check_registry(registry)
    registry = registry.lower()
    if registry == "index.docker.io":
        registry = HUB
    _check_repository(repository)
    if registry == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _is_registry(part: str) -> bool:
    return "." in part or ":" in part or part.lower() == "localhost"


def _check_registry(registry: str) -> None:
    match = _REGISTRY.fullmatch(registry)
    if match is None:
        raise _invalid(f"A registry is a host name with an optional port, not {_quote(registry)}.")
    if (port := match["port"]) and not 1 <= int(port) <= 65535:
        raise _invalid(f"A registry's port is 1 to 65535, not {_quote(port)}.")


def _check_repository(repository: str) -> None:
    if not repository:
        raise _invalid("The image's name is missing after the registry or before the tag.")
    if repository != repository.lower():
        raise _invalid(f"An image's name is in lower case, not {_quote(repository)}.")
    if not all(_REPOSITORY_PART.fullmatch(part) for part in repository.split("/")):
        raise _invalid(
            f"An image's name has parts of a–z and 0–9, joined by “/”, “.”, “_”, “__” or “-”; not {_quote(repository)}."
        )
    if _IMAGE_ID.fullmatch(repository.removeprefix("library/")):
        raise _invalid(f"An image is given by its name, not by an image id such as {_quote(repository)}.")


def _too_long(text: str, length: int) -> InvalidInput:
    return _invalid(
        f"An image has at most {MAX_CHARS} characters, counting its registry and tag; {_quote(text)} has {length}."
    )


def _quote(value: str) -> str:
    return f"“{value if len(value) <= 80 else value[:80] + '…'}”"


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(message, field="image")
