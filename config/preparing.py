"""Bringing database and static files up to date, and doing nothing when they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

LEFT_OUT = ["redoc*", "oauth2-redirect.*"]
"""Parts of the API browser's package that no page asks for."""


def prepare() -> None:
    """Migrate and collect static files where something changed. A second start takes no time for either."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0)
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    wanted = fingerprint()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        call_command("collectstatic", verbosity=0, interactive=False, clear=True, ignore_patterns=LEFT_OUT)
        stamp.write_text(wanted, encoding="utf-8")


def fingerprint() -> str:
    """What the static files' sources look like: path, size and time of each."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            stat = Path(storage.path(path)).stat()
            seen.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return seen.hexdigest()
