"""Caddy's configuration: computed from the environment alone, so that it hardly ever changes, and loaded when it did.

Loading cuts every open connection of every application (Caddy 2.6), hence: routes are files which the configuration
only refers to (see `routes.py`), and what runs already is not loaded again. Caddy is started with
`caddy run --config <data>/proxy/caddy.json`, so that it comes back by itself without the panel.
"""

import json
import time
from pathlib import Path
from typing import Any

import httpx

from apps.networking.errors import ProxyUnreachable
from apps.networking.routes import HOST_PATTERN
from apps.networking.visitor_pages import ERROR_HEADER, VisitorError, answer
from panel.env import Environment

Json = dict[str, Any]

ASK_PORT = 8001  # on loopback: Caddy itself asks there before it obtains a certificate
RESPONSE_HEADER_TIMEOUT_S = 60
_WAIT_STEP_S = 0.1

# Everything by which a client could pose as another, in both spellings that CGI-like servers read alike.
# `reverse_proxy` then sets X-Forwarded-For, -Proto and -Host itself.
_FORGEABLE_HEADERS = [
    *("Forwarded", "X-Forwarded-*", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip"),
    *("X_Forwarded_*", "X_Real_Ip", "X_Client_Ip", "True_Client_Ip"),
]


def config_file(environment: Environment) -> Path:
    return environment.data_dir / "proxy" / "caddy.json"


def admin_socket(environment: Environment) -> Path:
    return environment.run_dir / "caddy-admin.sock"


def write_config(environment: Environment) -> None:
    """Write the file that Caddy starts from, and make the folders that it needs."""
    (environment.data_dir / "routes").mkdir(parents=True, exist_ok=True)
    environment.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = config_file(environment)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".draft")
    draft.write_text(json.dumps(build_config(environment), indent=1))
    draft.replace(target)


def load_config(environment: Environment, timeout_s: float = 10) -> bool:
    """Make the running Caddy serve the written file; returns False if it did already, and then cuts no connection.

    Raises `ProxyUnreachable` if Caddy does not answer within `timeout_s`, or refuses the configuration.
    """
    config = json.loads(config_file(environment).read_text())
    socket = admin_socket(environment)
    transport = httpx.HTTPTransport(uds=str(socket))
    headers = {"Host": ""}  # on a unix socket Caddy allows no other
    with httpx.Client(transport=transport, base_url="http://caddy", headers=headers, timeout=timeout_s) as admin:
        differs: bool = _running_config(admin, timeout_s) != config
        if differs:
            answered = admin.post("/load", json=config)
            if answered.is_error:
                raise ProxyUnreachable(f"Caddy refuses its configuration: {answered.text.strip()}")
    socket.chmod(0o600)
    return differs


def build_config(environment: Environment) -> Json:
    """Caddy's whole configuration, as its admin API takes it."""
    servers = _https_servers(environment) if environment.is_https else _http_servers(environment)
    apps: Json = {"http": {"servers": servers}}
    if environment.is_https:
        apps |= _certificates(environment)
    return {
        "admin": {"listen": f"unix/{admin_socket(environment)}", "config": {"persist": False}},
        # An application that is down is its owner's business, not a line of the operator's log for each visitor.
        "logging": {"logs": {"default": {"level": "WARN", "exclude": ["http.log.error"]}}},
        "storage": {"module": "file_system", "root": str(environment.data_dir / "caddy")},
        "apps": apps,
    }


def _http_servers(environment: Environment) -> Json:
    return {"apps": _server([f"127.0.0.1:{environment.apps_port}"], _application_routes(environment))}


def _https_servers(environment: Environment) -> Json:
    panel = _terminal(_proxy_to(f"127.0.0.1:{environment.port}"), match={"host": [environment.host]})
    servers = {
        "https": {
            **_server([f":{environment.public_port}"], [panel, *_application_routes(environment)]),
            "tls_connection_policies": [{"default_sni": environment.host}],
            "strict_sni_host": True,
        },
        "ask": _server([f"127.0.0.1:{ASK_PORT}"], _ask_routes(environment)),
    }
    if environment.public_port == 443:
        servers["redirect"] = _server([":80"], [_redirect_to_https()])
    return servers


def _server(listen: list[str], routes: list[Json]) -> Json:
    clean = {"handler": "headers", "request": {"delete": _FORGEABLE_HEADERS}, "response": {"delete": ["Server"]}}
    return {
        "listen": listen,
        "protocols": ["h1", "h2"],
        "automatic_https": {"disable": True},  # what it would guess is said explicitly here
        "max_header_bytes": 32 * 1024,
        "read_header_timeout": "10s",
        "idle_timeout": "2m",
        "routes": [{"handle": [clean]}, *routes],
        "errors": {
            "routes": [
                _terminal([answer(VisitorError.UNREACHABLE, 504)], match=_error_is("504")),
                _terminal([answer(VisitorError.UNREACHABLE, 503)], match=_error_is("500", "502", "503")),
            ]
        },
    }


def _application_routes(environment: Environment) -> list[Json]:
    # The host is a route of its own around the look at the files, because matchers of one set run in no fixed order.
    host = {"header_regexp": {"Host": {"name": "host", "pattern": rf"^({HOST_PATTERN})(?::\d+)?$"}}}
    # Twice the same pattern: when the one file found has been replaced a moment later, the second look finds the new.
    upstream_file = ["/{http.regexp.host.1}/*"] * 2
    name_to_dial = {
        "handler": "map",
        "source": "{http.matchers.file.relative}",
        "destinations": ["{upstream}"],
        "mappings": [{"input_regexp": r"/([0-9.]+:[0-9]+)$", "outputs": ["${1}"]}],
    }
    by_files = [
        _terminal([name_to_dial, *_proxy_to("{upstream}")], match=_file(environment, upstream_file)),
        _terminal([answer(VisitorError.NOT_RUNNING, 503)], match=_file(environment, ["/{http.regexp.host.1}/"])),
    ]
    return [
        {"match": [host], "handle": [{"handler": "subroute", "routes": by_files}]},
        _terminal([answer(VisitorError.UNKNOWN_HOST, 404)]),
    ]


def _ask_routes(environment: Environment) -> list[Json]:
    """Caddy asks itself whether a host is known, so that certificates too can do without the panel."""
    domain = {"vars_regexp": {"{http.request.uri.query.domain}": {"name": "domain", "pattern": f"^({HOST_PATTERN})$"}}}
    known = _terminal(
        [{"handler": "static_response", "status_code": 200}],
        match=_file(environment, ["/{http.regexp.domain.1}/"]),
    )
    return [
        {"match": [domain], "handle": [{"handler": "subroute", "routes": [known]}]},
        _terminal([{"handler": "static_response", "status_code": 404}]),
    ]


def _redirect_to_https() -> Json:
    location = ["https://{http.request.host}{http.request.uri}"]
    return _terminal([{"handler": "static_response", "status_code": 308, "headers": {"Location": location}}])


def _certificates(environment: Environment) -> Json:
    """The panel's certificate at start, an application's when its first visitor comes."""
    issuers = [{"module": environment.tls_issuer}]
    return {
        "tls": {
            "certificates": {"automate": [environment.host]},
            "automation": {
                "on_demand": {"ask": f"http://127.0.0.1:{ASK_PORT}/"},
                "policies": [
                    {"subjects": [environment.host], "issuers": issuers},
                    {"issuers": issuers, "on_demand": True},
                ],
            },
        },
        "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
    }


def _proxy_to(upstream: str) -> list[Json]:
    return [
        # Deferred: at the moment the answer's header is written, also that of a WebSocket.
        {"handler": "headers", "response": {"deferred": True, "delete": [ERROR_HEADER]}},
        {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": upstream}],
            "transport": {
                "protocol": "http",
                "compression": False,  # the visitor's and the application's matter
                "dial_timeout": "3s",
                "response_header_timeout": f"{RESPONSE_HEADER_TIMEOUT_S}s",
                "max_response_header_size": 64 * 1024,
                "keep_alive": {"idle_timeout": "30s", "max_idle_conns_per_host": 32},
            },
        },
    ]


def _terminal(handle: list[Json], match: Json | None = None) -> Json:
    route: Json = {"handle": handle, "terminal": True}
    return {"match": [match], **route} if match else route


def _file(environment: Environment, patterns: list[str]) -> Json:
    return {"file": {"root": str(environment.data_dir / "routes"), "try_files": patterns}}


def _error_is(*statuses: str) -> Json:
    return {"vars": {"{http.error.status_code}": list(statuses)}}


def _running_config(admin: httpx.Client, timeout_s: float) -> Any:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return admin.get("/config/").raise_for_status().json()
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise ProxyUnreachable(f"Caddy does not answer within {timeout_s:.0f} s: {error}") from error
            time.sleep(_WAIT_STEP_S)
