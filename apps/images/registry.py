"""A client of the Docker Registry API v2, for one image and without a login.

https://github.com/distribution/distribution/blob/main/docs/content/spec/api.md (manifests, blobs) and
…/spec/auth/token.md (anonymous bearer tokens).
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlencode, urljoin

from pydantic import BaseModel, ValidationError

from apps.core.outbound import Answer, AnswerTooLarge, HostRefused, HostUnreachable, NotTls, Outbound
from apps.engine.errors import ImageNotFound, ImagePullDenied, RegistryNotAllowed, RegistryUnreachable
from apps.images.errors import ImageUnusable, RegistryBusy, RegistryMisbehaved
from apps.images.manifest import MANIFEST_TYPES
from apps.images.reference import HUB, Reference

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_BLOB_BYTES = 512 * 1024
MAX_TOKEN_BYTES = 64 * 1024
MAX_REDIRECTS = 3

_HUB_HOST = "registry-1.docker.io"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BEARER = re.compile(r"(?:^|,)\s*bearer\s+(?P<parameters>.*)", re.IGNORECASE)
_PARAMETER = re.compile(r'(?P<name>\w+)="(?P<value>[^"]*)"')
_TOKEN = re.compile(r"[!-~]+")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DENIED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_WITHOUT_HEAD = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class _TokenAnswer(BaseModel):
    token: str = ""
    access_token: str = ""


class RegistryClient:
    """Reads one reference's documents. Every failure is a `PanelError` whose sentence names the reference.

    Redirects are followed (registries keep blobs at a CDN and manifests at mirrors), each to a host that passes the
    rules of `outbound`, and never from TLS to plain HTTP; the token goes to the registry alone.
    """

    def __init__(self, reference: Reference, outbound: Outbound) -> None:
        self._reference = reference
        self._outbound = outbound
        host = _HUB_HOST if reference.registry == HUB else reference.registry
        self._base = f"https://{host}"
        self._token = ""

    def head_digest(self) -> str | None:
        """The digest that the registry gives for the reference now, or None where only `manifest` can tell.

        It is the registry's word: compare it, never use it to identify content that came from elsewhere.
        """
        answer = self._read("HEAD", self._manifest_path(self._tag_or_digest))
        if answer.status in _WITHOUT_HEAD:
            return None
        self._check_found(answer)
        digest = answer.headers.get("docker-content-digest", "")
        return digest if _DIGEST.fullmatch(digest) else None

    def manifest(self, digest: str | None = None) -> tuple[str, bytes]:
        """The document under `digest`, by default under the reference's own digest or tag, and its digest."""
        digest = digest or self._reference.digest
        answer = self._read("GET", self._manifest_path(digest or self._tag_or_digest))
        self._check_found(answer)
        return self._check_digest(answer.body, digest), answer.body

    def blob(self, digest: str) -> bytes:
        """A small blob's content: an image's config, not its layers."""
        answer = self._read("GET", f"/v2/{self._reference.repository}/blobs/{digest}", MAX_BLOB_BYTES)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise RegistryMisbehaved(f"{self._registry} has {self._image} only in part. Push it again.")
        self._check_found(answer)
        self._check_digest(answer.body, digest)
        return answer.body

    @property
    def _image(self) -> str:
        return self._reference.familiar

    @property
    def _registry(self) -> str:
        return f"The registry {self._reference.registry}"

    @property
    def _tag_or_digest(self) -> str:
        return self._reference.digest or self._reference.tag or "latest"

    def _manifest_path(self, tag_or_digest: str) -> str:
        return f"/v2/{self._reference.repository}/manifests/{tag_or_digest}"

    def _read(self, method: str, path: str, max_bytes: int = MAX_MANIFEST_BYTES) -> Answer:
        answer = self._follow(method, path, max_bytes)
        if answer.status == HTTPStatus.UNAUTHORIZED and not self._token:
            self._token = self._fetch_token(answer.headers.get("www-authenticate", ""))
            answer = self._follow(method, path, max_bytes)
        return answer

    def _follow(self, method: str, path: str, max_bytes: int) -> Answer:
        answer = self._ask_registry(method, path, max_bytes)
        url = self._base + path
        for _ in range(MAX_REDIRECTS):
            if answer.status not in _REDIRECTS:
                return answer
            url = self._secured(_join(url, answer.headers.get("location", "")))
            with self._in_words(f"{self._registry} redirects to {_host(url)}, which"):
                answer = self._send(method, url, max_bytes)
        raise RegistryMisbehaved(f"{self._registry} redirects in circles when asked for {self._image}.")

    def _ask_registry(self, method: str, path: str, max_bytes: int) -> Answer:
        with self._in_words(self._registry):
            try:
                return self._send(method, self._base + path, max_bytes)
            except NotTls:
                # The engine does the same for the registries that it holds to be insecure.
                plain = self._base.replace("https://", "http://", 1)
                if not self._outbound.tolerates_plain_http(plain):
                    raise
                self._base = plain
                return self._send(method, self._base + path, max_bytes)

    def _send(self, method: str, url: str, max_bytes: int) -> Answer:
        headers = {"Accept": ", ".join((*MANIFEST_TYPES, "*/*;q=0.1"))}
        if self._token and url.startswith(f"{self._base}/"):
            headers["Authorization"] = f"Bearer {self._token}"
        return self._outbound.request(method, url, headers=headers, max_bytes=max_bytes)

    def _fetch_token(self, challenges: str) -> str:
        """Answer a `WWW-Authenticate` header with an anonymous token."""
        bearer = _BEARER.search(challenges)
        if bearer is None:
            raise self._needs_login()
        parameters = dict(_PARAMETER.findall(bearer["parameters"]))
        realm = self._secured(parameters.get("realm", ""))
        query = urlencode(
            {"service": parameters.get("service", ""), "scope": f"repository:{self._reference.repository}:pull"}
        )
        with self._in_words(f"{self._registry} hands its sign-in to {_host(realm)}, which"):
            answer = self._outbound.request(
                "GET", f"{realm}{'&' if '?' in realm else '?'}{query}", max_bytes=MAX_TOKEN_BYTES
            )
        if answer.status in _DENIED:
            raise self._needs_login()
        self._check_status(answer)
        try:
            issued = _TokenAnswer.model_validate_json(answer.body)
        except ValidationError as error:
            raise RegistryMisbehaved(f"{self._registry} handed out a token that cannot be read.") from error
        token = issued.token or issued.access_token
        if not _TOKEN.fullmatch(token):
            raise RegistryMisbehaved(f"{self._registry} handed out a token that cannot be read.")
        return token

    def _secured(self, url: str) -> str:
        if self._base.startswith("https:") and not url.startswith("https:"):
            raise RegistryMisbehaved(f"{self._registry} leads from TLS to an address without it, {_host(url)}.")
        return url

    def _check_found(self, answer: Answer) -> None:
        if answer.status in _DENIED:
            raise self._needs_login()
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ImageNotFound(f"{self._registry} has no image {self._image}. Check its name and tag.")
        self._check_status(answer)

    def _check_status(self, answer: Answer) -> None:
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RegistryBusy(
                f"{self._registry} limits how often it may be asked, and answered {self._image} with “too many "
                "requests”. Try again later."
            )
        if answer.status != HTTPStatus.OK:
            raise RegistryMisbehaved(
                f"{self._registry} answered with status {answer.status} when asked for {self._image}. Try again later."
            )

    def _check_digest(self, body: bytes, wanted: str | None) -> str:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if wanted not in {None, digest}:
            raise RegistryMisbehaved(f"{self._registry} sent content for {self._image} that does not match its digest.")
        return digest

    def _needs_login(self) -> ImagePullDenied:
        # A registry answers alike for what is private and, to strangers, for what does not exist.
        return ImagePullDenied(
            f"{self._image} needs a login at the registry {self._reference.registry}, or does not exist there. "
            "This installation does not support registries with a login yet."
        )

    @contextmanager
    def _in_words(self, subject: str) -> Iterator[None]:
        try:
            yield
        except HostRefused as error:
            raise RegistryNotAllowed(
                f"{subject} may not be used for {self._image}: {error.reason}. "
                "The operator of this installation can allow a registry by name."
            ) from error
        except HostUnreachable as error:
            raise RegistryUnreachable(f"{subject} could not be asked for {self._image}: {error.reason}.") from error
        except AnswerTooLarge as error:
            raise ImageUnusable(f"{subject} sent a description of {self._image} that is too large.") from error


def _join(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:  # brackets that hold no IPv6 address; `Outbound` refuses it in its own words
        return location


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0][:80] or "nowhere"
