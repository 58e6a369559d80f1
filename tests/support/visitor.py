"""A person at a running Berth over plain HTTP, for measurements: no browser, but the same forms."""

import re
from dataclasses import dataclass, field

import httpx

from tests.support.system import System

PASSWORD = "four unrelated words here"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


@dataclass
class Visitor:
    """Keeps cookies itself: ours are Secure, and clients other than browsers send those over TLS only."""

    base_url: str
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.base_url, timeout=60, trust_env=False)

    def get(self, path: str) -> httpx.Response:
        response = self._send("GET", path)
        if found := _TOKEN.search(response.text):
            self.token = found[1]
        return response

    def post(self, path: str, **data: str) -> httpx.Response:
        """Submit a form; raises unless it was accepted."""
        response = self._send("POST", path, data={"csrfmiddlewaretoken": self.token} | data)
        assert response.is_redirect, f"{path}: {response.status_code} {response.text[:2000]}"
        return response

    def _send(self, method: str, path: str, **options: dict[str, str]) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookie, "Origin": self.base_url}
        response = self._client.request(method, path, headers=headers, **options)  # type: ignore[arg-type]
        self.cookies |= dict(response.cookies.items())
        return response


def set_up(system: System) -> Visitor:
    """The first run: an operator who owns the tenant acme."""
    visitor = Visitor(system.base_url)
    link = system.setup_link.removeprefix(system.base_url)
    visitor.get(link)
    visitor.post(link, installation_name="Bench", name="Oscar", email="oscar@example.com", password=PASSWORD)
    visitor.get("/console/set-up/tenant/")
    visitor.post("/console/set-up/tenant/", name="Acme", slug="acme")
    return visitor
