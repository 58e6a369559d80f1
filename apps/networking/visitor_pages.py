"""What a visitor gets from the proxy itself: small pages that name neither a tenant nor an application."""

import base64
import hashlib
import re
from enum import StrEnum
from string import Template
from typing import Any

from panel.env import BASE_DIR

# Tells the panel's own check which page this is. The proxy takes it out of every answer of an application.
ERROR_HEADER = "Berth-Error"
RETRY_AFTER_S = 10


class VisitorError(StrEnum):
    NOT_RUNNING = "not-running"
    UNKNOWN_HOST = "unknown-host"
    UNREACHABLE = "unreachable"


_WORDS = {
    VisitorError.NOT_RUNNING: ("This site is not running", "It is stopped at the moment. Try again later."),
    VisitorError.UNKNOWN_HOST: ("There is no site at this address", "Check the address for a typing error."),
    VisitorError.UNREACHABLE: ("This site does not answer", "It may be starting or overloaded. Try again in a moment."),
}


def answer(error: VisitorError, status: int) -> dict[str, Any]:
    """The proxy's handler that answers with this error's page."""
    title, text = _WORDS[error]
    page = Template((BASE_DIR / "deploy" / "caddy" / "visitor.html").read_text()).substitute(title=title, text=text)
    headers = {
        ERROR_HEADER: error.value,
        "Cache-Control": "no-store",
        "Content-Security-Policy": f"default-src 'none'; style-src '{_style_hash(page)}'; frame-ancestors 'none'",
        "Content-Type": "text/html; charset=utf-8",
        "X-Content-Type-Options": "nosniff",
    }
    if status >= 500:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return {
        "handler": "static_response",
        "status_code": status,
        "headers": {name: [value] for name, value in headers.items()},
        "body": page,
    }


def _style_hash(page: str) -> str:
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None  # noqa: S101 — the page is ours
    return "sha256-" + base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
