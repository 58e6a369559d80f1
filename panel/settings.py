"""Django's settings, computed from `panel.env.Environment`. What an operator may change is there, not here."""

import hashlib
from typing import Any

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from pydantic import ValidationError

from panel.env import BASE_DIR, Environment, explain

django_stubs_ext.monkeypatch()


def _read_environment() -> Environment:
    try:
        return Environment()
    except ValidationError as error:
        raise ImproperlyConfigured(explain(error)) from error


def _read_key(environment: Environment) -> str:
    try:
        return environment.key_file.read_text().strip()
    except FileNotFoundError as error:
        raise ImproperlyConfigured(
            f"The encryption key {environment.key_file} is missing. Without it no stored secret can be read. "
            "Restore it from your backup, or run `make up` on an empty data folder to get a new one."
        ) from error


ENVIRONMENT = _read_environment()
ENCRYPTION_KEYS = _read_key(ENVIRONMENT).split()
SECRET_KEY = hashlib.blake2b(ENCRYPTION_KEYS[0].encode(), person=b"django-secret").hexdigest()
DEBUG = ENVIRONMENT.debug

ALLOWED_HOSTS = [ENVIRONMENT.host]
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.base_url]
ROOT_URLCONF = "panel.urls"
ASGI_APPLICATION = "panel.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"

INSTALLED_APPS = [
    "whitenoise.runserver_nostatic",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "panel.staticfiles.PanelStaticFilesConfig",
    "channels",
    "csp",
    "django_htmx",
    "apps.core",
    "apps.engine",
    "apps.audit",
    "apps.accounts",
    "apps.quotas",
    "apps.tenants",
    "apps.operations",
    "apps.nodes",
    "apps.images",
    "apps.volumes",
    "apps.networking",
    "apps.containers",
    "apps.metrics",
    "apps.streams",
    "apps.watcher",
    "apps.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.core.middleware.VaryOnHtmxMiddleware",
    "apps.accounts.middleware.ActorMiddleware",
    "apps.accounts.middleware.StandingMiddleware",
    "apps.accounts.middleware.PanelErrorMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "builtins": ["apps.core.templatetags.berth"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.tenants.context.shell",
                "apps.nodes.context.installation_name",
            ],
            **(
                {}
                if DEBUG
                else {
                    "loaders": [
                        ("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"])
                    ]
                }
            ),
        },
    }
]

# --- database ---------------------------------------------------------------------------------------------------------
DATABASES: dict[str, Any] = {"default": dj_database_url.parse(ENVIRONMENT.database, conn_max_age=None)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several processes write: WAL lets readers go on, IMMEDIATE takes the write lock before the first read of a
    # transaction (a later upgrade fails at once, without waiting), and the timeout makes writers queue.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-8000;",
    }
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# --- queue and doorbell -----------------------------------------------------------------------------------------------
CELERY_BROKER_URL = ENVIRONMENT.redis.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "berth:",
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    # A page does not wait for a broker that is away: no second try. (A worker connects again by its own rules.)
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_PUBLISH_RETRY = False  # the row is accepted; the sweeper publishes what could not be
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [ENVIRONMENT.redis]}}
}

# --- people -----------------------------------------------------------------------------------------------------------
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 24 * 3600
# Browsers treat http://localhost as secure, so the strict cookies work in the one-command set-up too.
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_NAME = "__Host-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"

# --- mail -------------------------------------------------------------------------------------------------------------
EMAIL_HOST, EMAIL_PORT = ENVIRONMENT.mail.host, ENVIRONMENT.mail.port  # no host: no mail, and pages say whom to ask
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENVIRONMENT.mail.user, ENVIRONMENT.mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = ENVIRONMENT.mail.starts_tls, ENVIRONMENT.mail.is_tls
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.email_from

# --- what apps below ask of apps above --------------------------------------------------------------------------------
APPLICATION_NAMES = "apps.containers.queries.application_names"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # a member's rights have a field for each of a tenant's applications

# --- transport --------------------------------------------------------------------------------------------------------
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.is_https else None
SECURE_HSTS_SECONDS = 31_536_000 if ENVIRONMENT.is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # other hosts below the panel's are their owners' business
    "security.W008",  # Caddy, which alone is reached from outside, redirects to https
    "security.W021",  # whether browsers are to list the host for good is the operator's decision
]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_socket_origin = ENVIRONMENT.base_url.replace("http", "ws", 1)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF, "data:"],  # Tabler draws carets and checks with data: images
        "connect-src": [SELF, _socket_origin],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- files and language -----------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = ENVIRONMENT.data_dir / "static"
# Only the built files of each package are served, under static/vendor/<package>/.
STATICFILES_DIRS: list[Any] = [
    BASE_DIR / "static",
    ("vendor/tabler", BASE_DIR / "node_modules/@tabler/core/dist"),
    ("vendor/icons", BASE_DIR / "node_modules/@tabler/icons-webfont/dist"),
    ("vendor/htmx", BASE_DIR / "node_modules/htmx.org/dist"),
    ("vendor/uplot", BASE_DIR / "node_modules/uplot/dist"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "panel.storage.ModuleStorage"},
}
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname:.1} {name}: {message}", "style": "{"}},
    "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stream"], "level": "INFO"},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "uvicorn": {"level": "WARNING", "propagate": True},
    },
}
