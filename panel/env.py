"""The settings an operator may change: one `PANEL_*` environment variable each.

The README's table of settings is checked against this class by a test, so a field's description is what people read.
"""

from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent


MAIL_PORTS: Final = {"smtps": 465, "smtp+tls": 587, "smtp": 25}


class MailServer(NamedTuple):
    host: str
    port: int
    user: str
    password: str
    is_tls: bool
    starts_tls: bool


class Environment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PANEL_", frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(BASE_DIR / "var", description="Folder of all data: database, key, sockets, routes")
    base_url: str = Field(
        "http://localhost:8000", description="Where people open the panel; `https://…` makes Caddy serve it with TLS"
    )
    apps_domain: str = Field(
        "localhost",
        description="Applications answer at `<application>--<tenant>.<this>`; not the panel's host or a parent of it",
    )
    apps_port: int = Field(
        8080, ge=1, le=65535, description="Port of the applications while the panel is served over plain HTTP"
    )
    tls_issuer: Literal["acme", "internal"] = Field(
        "acme",
        description="Who signs the certificates of an `https://` panel: a public authority (ACME) or Caddy itself",
    )
    database_url: str = Field("", description="`postgres://user:password@host/name`; empty: SQLite in the data folder")
    redis_url: str = Field("", description="`redis://…` or `unix://…`; empty: a private Redis in the data folder")
    engine_url: str = Field("unix:///var/run/docker.sock", description="The Docker Engine: `unix://…` or `tcp://…`")
    secret_key_file: Path | None = Field(None, description="The encryption key; empty: `secret.key` in the data folder")
    allowed_registries: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Registries at private addresses that tenants may use, by name: `registry.lan:5000,…`"
    )
    network_pool: IPv4Network = Field(
        IPv4Network("10.212.0.0/14"), description="Addresses for the applications' networks, one /26 each"
    )
    email_url: str = Field(
        "",
        description="Mail server: `smtps://user:password@host`, `smtp+tls://…` (STARTTLS), `smtp://…`; empty: no mail",
    )
    email_from: str = Field("", description="Sender of the panel's mail: `Berth <berth@panel.example>`")
    worker_slots: int = Field(8, ge=2, le=64, description="Operations that one worker runs at once")
    lease_s: float = Field(30, gt=0, description="Seconds without a heartbeat after which an operation is taken over")
    resync_s: float = Field(30, gt=0, description="Seconds between two full comparisons with the engine")
    debug: bool = Field(False, description="Django's debug pages; never where others can reach the panel")

    @field_validator("allowed_registries", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("data_dir")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        return value.absolute()  # Caddy and Redis are told where to find things, and run elsewhere

    @field_validator("base_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(f"must be an origin such as https://panel.example, not {value!r}")
        return value.rstrip("/")

    @field_validator("email_url")
    @classmethod
    def _is_mail_server(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in MAIL_PORTS or not parts.hostname):
            # The value is not quoted: it holds a password.
            raise ValueError("must be such as smtps://user:password@mail.example, with smtps, smtp+tls or smtp")
        return value

    @model_validator(mode="after")
    def _has_a_sender(self) -> Self:
        if self.email_url and "@" not in self.email_from:
            raise ValueError("PANEL_EMAIL_URL needs PANEL_EMAIL_FROM, the address that mail is sent from")
        return self

    @model_validator(mode="after")
    def _keeps_panel_and_applications_apart(self) -> Self:
        # A page of an application on the panel's own host (or above it) could set cookies for the panel.
        local = self.apps_domain == "localhost" and self.host == "localhost"
        if not local and (self.host == self.apps_domain or self.host.endswith("." + self.apps_domain)):
            raise ValueError(
                f"PANEL_APPS_DOMAIN {self.apps_domain!r} must not be the panel's host {self.host!r} or a parent of it"
            )
        return self

    @cached_property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @cached_property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @cached_property
    def port(self) -> int:
        """The port that uvicorn listens on: the panel's own, or 8000 behind Caddy."""
        return 8000 if self.is_https else urlsplit(self.base_url).port or 80

    @cached_property
    def apps_scheme(self) -> str:
        return "https" if self.is_https else "http"

    @cached_property
    def apps_origin_suffix(self) -> str:
        """What follows the host name in an application's address: `:8080`, or nothing on the standard port."""
        port = urlsplit(self.base_url).port if self.is_https else self.apps_port
        return f":{port}" if port and port != (443 if self.is_https else 80) else ""

    @cached_property
    def public_port(self) -> int:
        """The port in the panel's address; Caddy listens on it when that is `https://…`."""
        return urlsplit(self.base_url).port or (443 if self.is_https else 80)

    @cached_property
    def mail(self) -> MailServer:
        """The parts of `email_url`; all empty without one."""
        parts = urlsplit(self.email_url)
        return MailServer(
            host=parts.hostname or "",
            port=parts.port or MAIL_PORTS.get(parts.scheme, 25),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            is_tls=parts.scheme == "smtps",
            starts_tls=parts.scheme == "smtp+tls",
        )

    @cached_property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @cached_property
    def key_file(self) -> Path:
        return self.secret_key_file or self.data_dir / "secret.key"

    @cached_property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'berth.sqlite3'}"

    @cached_property
    def redis(self) -> str:
        return self.redis_url or f"unix://{self.run_dir / 'redis.sock'}"


def explain(error: ValidationError) -> str:
    """Which variables are wrong, and how, a line each."""
    return "\n".join(f"PANEL_{'_'.join(map(str, e['loc'])).upper() or '*'}: {e['msg']}" for e in error.errors())
