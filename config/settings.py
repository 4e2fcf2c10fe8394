"""The one settings file: everything comes from the environment, and the defaults run on SQLite alone."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent


def env_text(name: str, default: str = "") -> str:
    """Text as it stands; a variable without any counts as not set, as for every other kind of setting."""
    text = os.environ.get(name, "")
    return text if text.strip() else default


def env_bool(name: str, default: bool) -> bool:
    """Read a switch; anything but true/false/1/0/yes/no/on/off is a mistake worth stopping for."""
    text = env_text(name).strip().lower()
    if not text:
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {text!r}: write true or false")


def env_int(name: str, default: int) -> int:
    text = env_text(name).strip()
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {text!r}: write a whole number") from error


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env_text(name, default).split(",") if part.strip()]


VAR_DIR = Path(env_text("MILEPOST_VAR") or BASE_DIR / "var")


def local_secret_key() -> str:
    """A key of this installation's own, made once and kept beside its SQLite database, readable by its owner only."""
    path = VAR_DIR / "secret_key"
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        VAR_DIR.mkdir(parents=True, exist_ok=True)
    key = get_random_secret_key()
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(key)
    return key


DEBUG = env_bool("DEBUG", False)
PRODUCTION = env_bool("PRODUCTION", False)
if PRODUCTION and not env_text("SECRET_KEY"):
    raise ImproperlyConfigured("PRODUCTION needs SECRET_KEY: a long random text that stays the same")
SECRET_KEY = env_text("SECRET_KEY") or local_secret_key()
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
# Keys that encrypt secrets at rest, newest first; without any, one is derived from SECRET_KEY.
FIELD_KEYS = env_list("FIELD_KEYS")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "" if PRODUCTION else "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
BASE_URL = env_text("BASE_URL") or (
    f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if PRODUCTION and ALLOWED_HOSTS else "http://127.0.0.1:8000"
)

# Whether a reverse proxy stands in front that sets X-Forwarded-For and X-Forwarded-Proto itself.
BEHIND_PROXY = env_bool("BEHIND_PROXY", False)
# Whether /readyz and /metrics answer this machine without a token. Behind a proxy on it, everybody would be this machine.
TRUST_LOOPBACK = env_bool("TRUST_LOOPBACK", not (PRODUCTION or BEHIND_PROXY))

if PRODUCTION:
    SECURE_SSL_REDIRECT = env_bool("SECURE_SSL_REDIRECT", True)
    SECURE_HSTS_SECONDS = env_int("SECURE_HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env_bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", True)
    SECURE_HSTS_PRELOAD = env_bool("SECURE_HSTS_PRELOAD", True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    if BEHIND_PROXY:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 86400
CSRF_FAILURE_VIEW = "config.errors.csrf_failed"

INSTALLED_APPS = [
    "config",
    "accounts",
    "kpis",
    "probes",
    "roadmap",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.limit_body",
    "config.middleware.mark_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.permissions.context",
                "roadmap.context.current",
            ]
        },
    }
]

DATABASES = {"default": dj_database_url.parse(env_text("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'milepost.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = 60
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
        }
    )
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"].update({"ENGINE": "config.postgresql", "CONN_HEALTH_CHECKS": True})
    # Statements are prepared after some uses; a pooler that gives every transaction another connection cannot keep them.
    if env_bool("PREPARED_STATEMENTS", True):
        DATABASES["default"].setdefault("OPTIONS", {}).update({"server_side_binding": True, "prepare_threshold": 5})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "accounts:login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ALLOW_SELF_APPROVAL = env_bool("ALLOW_SELF_APPROVAL", False)

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

STATIC_URL = "static/"
STATIC_ROOT = Path(env_text("STATIC_ROOT") or VAR_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# The page asks nobody but us for anything; no inline script or style anywhere.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

REDIS_URL = env_text("REDIS_URL")
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "probes"
CELERY_TIMEZONE = "UTC"
# In memory, kombu polls once a second unless told otherwise; with Redis a lost worker's message comes back after a minute.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 60, "socket_timeout": 10, "socket_connect_timeout": 5} if REDIS_URL else {"polling_interval": 0.05}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_DB_REUSE_MAX = sys.maxsize  # else every task closes its connection before and after; see config/celery.py
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "accounts.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": [
        "accounts.parsing.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "config.schema.Schema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "accounts.pagination.CursorPagination",
    "EXCEPTION_HANDLER": "accounts.handling.handle",
}

CELERY_BEAT_SCHEDULER = "config.beat:SleepingScheduler"
CELERY_BEAT_SCHEDULE = {
    "scheduler-alive": {"task": "config.scheduler_alive", "schedule": 10.0, "options": {"expires": 10}},
    "probes-tick": {"task": "probes.tick", "schedule": 1.0, "options": {"expires": 2}},
    "kpis-judge": {"task": "kpis.tasks.judge", "schedule": 60.0, "options": {"expires": 60}},
    "alerts-tell": {"task": "kpis.tasks.tell", "schedule": 5.0, "options": {"expires": 5}},
    "kpis-prune": {"task": "kpis.tasks.prune_measurements", "schedule": 21600.0, "options": {"expires": 3600}},
    "probes-load": {"task": "probes.load", "schedule": 1.0, "options": {"expires": 2, "queue": "load"}},
    "probes-look-ahead": {"task": "probes.look_ahead", "schedule": 10.0, "options": {"expires": 10}},
    "probes-prune": {"task": "probes.prune", "schedule": 600.0, "options": {"expires": 300}},
}

# Mail: printed on the console unless a server is named.
EMAIL_HOST = env_text("EMAIL_HOST")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_PORT = env_int("EMAIL_PORT", 587)
EMAIL_HOST_USER = env_text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_text("EMAIL_HOST_PASSWORD")
EMAIL_USE_SSL = env_bool("EMAIL_USE_SSL", False)
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", not EMAIL_USE_SSL)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env_text("DEFAULT_FROM_EMAIL", "milepost@localhost")

# How long measurements, hourly rollups and alerts that are over are kept; daily rollups stay for good.
KEEP_RAW_DAYS = env_int("KEEP_RAW_DAYS", 90)
KEEP_HOURS_DAYS = env_int("KEEP_HOURS_DAYS", 730)
KEEP_ALERTS_DAYS = env_int("KEEP_ALERTS_DAYS", 730)

RESULTS_MAX_BYTES = env_int("RESULTS_MAX_BYTES", 20_000_000)
# No request may be larger: the largest result with its envelope around it.
DATA_UPLOAD_MAX_MEMORY_SIZE = RESULTS_MAX_BYTES + 5_000_000
INCONCLUSIVE_PASSES = env_bool("INCONCLUSIVE_PASSES", False)

SPECTACULAR_SETTINGS = {
    "TITLE": "Milepost",
    "DESCRIPTION": "Plans that prove themselves: KPIs of running services, targets, CI results, roadmaps.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "config.schema.tell_problems"],
    "ENUM_NAME_OVERRIDES": {
        "AlertKindEnum": "kpis.models.alerts.Kind",
        "AlertStateEnum": "kpis.alerting.State",
        "KpiStatusEnum": "kpis.evaluation.Status",
        "RiskStatusEnum": "roadmap.models.RiskStatus",
        "RoadmapStateEnum": "roadmap.models.RoadmapState",
        "RuleKind": "kpis.models.alerts.RULED",
        "VerdictEnum": "kpis.verdict.Verdict",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "filters": {"database_away": {"()": "config.logs.DatabaseAway"}},
    "loggers": {"django.request": {"level": "ERROR"}, "celery.app.trace": {"filters": ["database_away"]}},
}

# Addresses inside a private network that probes may reach, as host-or-CIDR[:port]; see docs for the policy.
PROBE_ALLOW = env_list("PROBE_ALLOW")
# The same for the webhooks and chat servers that alerts are sent to.
CHANNEL_ALLOW = env_list("CHANNEL_ALLOW")

# How many processes put the load of a run together, and what no load run may exceed.
LOAD_SHARDS = env_int("LOAD_SHARDS", 1)
LOAD_WORKERS = env_int("LOAD_WORKERS", 1)  # so many workers on the queue `load` share the shards of a run
LOAD_MAX_SHARDS = env_int("LOAD_MAX_SHARDS", max(LOAD_SHARDS, (os.cpu_count() or 1) * LOAD_WORKERS))
LOAD_RERUN = env_bool("LOAD_RERUN", False)  # run again at once, with more shards, where the generator was the bottleneck
LOAD_MAX_USERS = env_int("LOAD_MAX_USERS", 1_000)
LOAD_MAX_RATE = env_int("LOAD_MAX_RATE", 10_000)
LOAD_MAX_SECONDS = env_int("LOAD_MAX_SECONDS", 1_800)


def own_parts() -> list[tuple[str, int]]:
    """Where Milepost itself, its database and its broker listen: never a target of a probe."""
    database = DATABASES["default"]
    parts = [urlsplit(BASE_URL), urlsplit(REDIS_URL)]
    found = [(part.hostname, part.port or {"https": 443, "redis": 6379}.get(part.scheme, 80)) for part in parts if part.hostname]
    if env_text("PORT"):
        found.append(("127.0.0.1", env_int("PORT", 8000)))
    if not database["ENGINE"].endswith("sqlite3"):
        found.append((database.get("HOST") or "127.0.0.1", int(database.get("PORT") or 5432)))
    local = [("127.0.0.1", port) for host, port in found if host == "localhost"]
    return [*found, *local]


PROBE_DENY = own_parts()
