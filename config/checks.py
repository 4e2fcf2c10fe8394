"""System checks of the settings: what can be misconfigured says so by an id, before anything runs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

DATABASES = ("django.db.backends.sqlite3", "config.postgresql")
AT_LEAST_ONE = ("KEEP_RAW_DAYS", "KEEP_HOURS_DAYS", "KEEP_ALERTS_DAYS", "RESULTS_MAX_BYTES")


def check_settings(**_: Any) -> list[CheckMessage]:
    """Everything that must hold wherever Milepost runs, and more in production."""
    found: list[CheckMessage] = []
    if settings.REDIS_URL and urlsplit(settings.REDIS_URL).scheme not in ("redis", "rediss", "unix"):
        found.append(Error("REDIS_URL must start with redis://, rediss:// or unix://.", id="config.E001"))
    base = urlsplit(settings.BASE_URL)
    if base.scheme not in ("http", "https") or not base.hostname:
        found.append(Error("BASE_URL must be an address such as https://milepost.example.", id="config.E002"))
    if settings.DATABASES["default"]["ENGINE"] not in DATABASES:
        found.append(Error("DATABASE_URL must name SQLite or PostgreSQL: others have no append-only trail.", id="config.E003"))
    if settings.EMAIL_USE_TLS and settings.EMAIL_USE_SSL:
        found.append(Error("EMAIL_USE_TLS and EMAIL_USE_SSL exclude each other.", id="config.E004"))
    for name in AT_LEAST_ONE:
        if getattr(settings, name) < 1:
            found.append(Error(f"{name} must be at least 1.", id="config.E005"))
    return found + (check_production() if settings.PRODUCTION else [])


def check_production() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(Error("DEBUG shows code and settings to everybody: not together with PRODUCTION.", id="config.E006"))
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        found.append(Error("PRODUCTION needs ALLOWED_HOSTS, the names this site is reached by.", id="config.E007"))
    if urlsplit(settings.BASE_URL).scheme == "http":
        found.append(Warning("BASE_URL is not https: links in mails and answers would not be.", id="config.W001"))
    return found
