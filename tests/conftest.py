"""What every test may use: people by role, logged-in clients, tokens; what needs an absent server is left out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from tests import factories
from tests.factories import PASSWORD, People, make_people
from tests.probes import servers


def pytest_configure(config: pytest.Config) -> None:
    """Fast hashes and unhashed static files: neither is what these tests are about."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]
    settings.MIDDLEWARE = ["tests.contract.hold", *settings.MIDDLEWARE]
    settings.ALLOW_SELF_APPROVAL = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs a server that this run does not have; `tests/lanes.py` names what was absent."""
    absent = {name for name, there in _servers() if not there}
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in absent)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _servers() -> list[tuple[str, bool]]:
    postgres = connection.vendor == "postgresql"
    return [
        ("postgres", postgres),
        ("sqlite", not postgres),
        ("alone", not postgres),
        ("statements", postgres and _counts_statements()),
        ("prometheus", shutil.which("prometheus") is not None),
        ("servers", servers.there()),
        ("redis", bool(os.environ.get("TEST_REDIS_URL"))),
    ]


def _counts_statements() -> bool:
    """Whether the PostgreSQL under the tests was started with pg_stat_statements."""
    server = connection.settings_dict
    with psycopg.connect(
        host=server["HOST"], port=server["PORT"] or 5432, user=server["USER"], password=server["PASSWORD"], dbname="postgres"
    ) as own:
        loaded = own.execute("SHOW shared_preload_libraries").fetchone()
        return loaded is not None and "pg_stat_statements" in loaded[0]


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def log_in() -> Callable[[User], Client]:
    def logged_in(user: User) -> Client:
        client = Client()
        assert client.login(username=user.username, password=PASSWORD)
        return client

    return logged_in


@pytest.fixture
def as_viewer(people: People, log_in: Callable[[User], Client]) -> Client:
    return log_in(people.viewer)


@pytest.fixture
def as_manager(people: People, log_in: Callable[[User], Client]) -> Client:
    return log_in(people.manager)


@pytest.fixture
def as_engineer(people: People, log_in: Callable[[User], Client]) -> Client:
    return log_in(people.engineer)


@pytest.fixture
def as_approver(people: People, log_in: Callable[[User], Client]) -> Client:
    return log_in(people.approver)


@pytest.fixture
def as_auditor(people: People, log_in: Callable[[User], Client]) -> Client:
    return log_in(people.auditor)


@pytest.fixture
def as_admin(people: People, log_in: Callable[[User], Client]) -> Client:
    return log_in(people.administrator)


@pytest.fixture
def api() -> Callable[[str], APIClient]:
    """A client of the API that sends a token."""

    def with_token(secret: str) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return with_token


@pytest.fixture
def make_token(db: None) -> Callable[..., str]:
    """`make_token(owner, ["read"], services=[…])` gives the secret of a new token."""
    return factories.make_token


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Transactional tests empty all tables between each other, which the audit trail's triggers would refuse.

    `tests/accounts/test_audit.py` puts them back before it tries them.
    """
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        import_module("accounts.migrations.0002_audit_and_roles").loosen(None, editor)
