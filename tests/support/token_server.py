"""The sign-in service of a registry with token authentication: anonymous, and only for repositories under `public/`."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.certificates import Certificate
from tests.support.web import Reply, Request, Web, serve

ISSUER = "token-server"
SERVICE = "berth-tests"


@contextmanager
def run_token_server(certificate: Certificate, *, tls: Certificate | None = None) -> Iterator[Web]:
    """Signs with `certificate`, which the registry must trust (`auth.token.rootcertbundle`)."""

    def answer(request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        kind, name, actions = query["scope"][0].split(":")
        granted = [action for action in actions.split(",") if action == "pull" and name.startswith("public/")]
        access = [{"type": kind, "name": name, "actions": granted}] if granted else []
        body = json.dumps({"token": _sign(certificate, query["service"][0], access)})
        return 200, {"Content-Type": "application/json"}, body.encode()

    with serve(answer, certificate=tls) as web:
        yield web


def _sign(certificate: Certificate, service: str, access: list[dict[str, Any]]) -> str:
    der = certificate.x509.public_bytes(serialization.Encoding.DER)
    header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "", "aud": service, "nbf": now - 60, "iat": now, "exp": now + 600, "access": access}
    signed = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(certificate.key.sign(signed.encode(), ECDSA(hashes.SHA256())))
    return f"{signed}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
