"""OpenID Connect as a client: the authorization code flow with PKCE, state and nonce. No rows are touched here.

The operator names the issuer, so that may be at a private address; but what it answers is a stranger's: it leads to no
other private host, and a word about a person is taken only from a token that the issuer has signed for us.
Sources: OpenID Connect Core 1.0 (3.1.3.7 for the checks of the token), Discovery 1.0, RFC 7636.
"""

import hashlib
import json
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from apps.core.errors import PanelError
from apps.core.outbound import Outbound, OutboundError

TIMEOUT_S: Final = 8.0
MAX_ANSWER_BYTES: Final = 512 * 1024
#: Signatures with the provider's private key only: with `none` or a shared secret anybody could sign.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_CLOCK_SKEW_S: Final = 60
_MAX_SUBJECT: Final = 255
_MAX_EMAIL: Final = 254
_ASKED_WITHIN_S: Final = 600
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class ProviderFault(PanelError):
    """The provider does not answer as it should; `detail` is for the operator, people read the message."""

    code = "provider-fault"
    status = HTTPStatus.BAD_GATEWAY

    def __init__(self, detail: str) -> None:
        super().__init__(f"The sign-in provider does not answer as it should: {detail}.")


@dataclass(frozen=True, slots=True)
class Client:
    """What the provider knows us by."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the session keeps between leaving for the provider and coming back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who came back, in the provider's words."""

    subject: str
    email: str
    is_email_verified: bool
    name: str


def is_secure(issuer: str) -> bool:
    """Whether nobody on the way can answer in the provider's place: TLS, or this very machine."""
    parts = urlsplit(issuer)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def begin(client: Client, *, again: bool = False) -> tuple[str, Attempt]:
    """The provider's address to send the browser to. `again`: it is to ask the person, even if it knows them."""
    attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
    challenge = urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": "openid email profile",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"prompt": "login", "max_age": "0"} if again else {}),
    }
    address = _endpoint(discover(client.issuer), "authorization_endpoint")
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}", attempt


def finish(client: Client, attempt: Attempt, code: str, *, again: bool = False) -> Person:
    """Trade the code that the browser brought back for who it is. Raises ProviderFault.

    `again`: the provider was to ask the person just now; where it does not say that it did, that is a fault.
    """
    metadata = discover(client.issuer)
    answer = _ask_for_token(client, metadata, attempt, code)
    claims = _verified(answer.get("id_token"), client, metadata, attempt.nonce)
    asked_at = claims.get("auth_time")
    if again and not (isinstance(asked_at, int | float) and time.time() - asked_at <= _ASKED_WITHIN_S):
        raise ProviderFault("it does not say that it asked just now who this is")
    if "email" not in claims and "userinfo_endpoint" in metadata:
        headers = {"Authorization": f"Bearer {answer.get('access_token', '')}"}
        more = _request(client.issuer, "GET", _endpoint(metadata, "userinfo_endpoint"), headers=headers)
        if more.get("sub") == claims["sub"]:
            claims = {**more, **claims}
    subject, email = str(claims["sub"]), str(claims.get("email", "")).lower()
    if len(subject) > _MAX_SUBJECT or len(email) > _MAX_EMAIL or "\0" in subject + email:
        raise ProviderFault("it names the person by something that cannot be one")
    return Person(
        subject=subject,
        email=email,
        is_email_verified=claims.get("email_verified") is True,
        name=str(claims.get("name", ""))[:80],
    )


def discover(issuer: str) -> dict[str, Any]:
    """The provider's description of itself; raises ProviderFault unless it is this issuer's."""
    metadata = _request(issuer, "GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if str(metadata.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise ProviderFault(f"it calls itself {metadata.get('issuer')!r} instead of {issuer!r}")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        _endpoint(metadata, name)
    return metadata


def _ask_for_token(client: Client, metadata: dict[str, Any], attempt: Attempt, code: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": attempt.verifier,
    }
    methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    address = _endpoint(metadata, "token_endpoint")
    if "client_secret_basic" in methods:
        pair = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"  # RFC 6749, 2.3.1
        headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return _request(client.issuer, "POST", address, headers=headers, form=form)
    secret = {"client_id": client.client_id, "client_secret": client.client_secret}
    return _request(client.issuer, "POST", address, form=form | secret)


def _verified(token: object, client: Client, metadata: dict[str, Any], nonce: str) -> dict[str, Any]:
    """The claims of an ID token that the provider signed for us, now, in answer to this attempt."""
    found = _request(client.issuer, "GET", _endpoint(metadata, "jwks_uri"))
    try:
        keys = KeySet.import_key_set(found)  # type: ignore[arg-type]
        claims = jwt.decode(str(token), keys, algorithms=list(ALGORITHMS)).claims
        jwt.JWTClaimsRegistry(
            leeway=_CLOCK_SKEW_S,
            iss={"essential": True, "value": metadata["issuer"]},
            aud={"essential": True, "value": client.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ProviderFault(f"its token cannot be trusted ({error})") from error
    if claims.get("azp", client.client_id) != client.client_id:
        raise ProviderFault("its token is for somebody else")
    return dict(claims)


def _endpoint(metadata: dict[str, Any], name: str) -> str:
    address = metadata.get(name)
    if not isinstance(address, str) or not is_secure(address):
        raise ProviderFault(f"its {name} is missing or not https")
    return address


def _request(
    issuer: str,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A JSON object from the provider. Only the issuer's own host may be a private one."""
    lines = {"Accept": "application/json", **(headers or {})}
    if form:
        lines["Content-Type"] = "application/x-www-form-urlencoded"
    host = urlsplit(url).netloc
    try:
        with Outbound(allowed=[urlsplit(issuer).netloc], timeout_s=TIMEOUT_S) as outbound:
            body = urlencode(form or {}).encode()
            answer = outbound.request(method, url, max_bytes=MAX_ANSWER_BYTES, headers=lines, body=body)
    except OutboundError as error:
        raise ProviderFault(f"{host}: {error.reason}") from error
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        content = None
    if answer.status != HTTPStatus.OK or not isinstance(content, dict):
        said = content.get("error", "") if isinstance(content, dict) else ""
        raise ProviderFault(f"{host} answered {answer.status} {said}".strip())
    return content
