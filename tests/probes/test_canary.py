"""Secrets of a service, planted and looked for everywhere a person or a log could find them."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from probes import running
from probes.models import Run, Service
from tests.probes.factories import make_probe

CANARY = "canary-5e7a"
SEEN = (CANARY, base64.b64encode(CANARY.encode()).decode()[:12])
PAGES = ("/services/", "/services/orders/", "/services/orders/edit/", "/services/export/", "/services/import/", "/services/new/",
         "/activity/", "/probes/{probe}/edit/", "/runs/{run}/")  # fmt: skip
ADMIN = ("/admin/probes/service/", "/admin/probes/service/{service}/change/", "/admin/probes/service/{service}/history/",
         "/admin/probes/probe/{probe}/change/", "/admin/probes/run/{run}/change/")  # fmt: skip
API = ("/services/", "/services/orders/", "/services/orders/probes/", "/services/export/", "/runs/", "/runs/{run}/")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reachable")]


def clean(text: str) -> bool:
    return not any(part in text for part in SEEN)


def failing(asked: list[bytes]) -> Any:
    """A server that keeps what it was sent and answers nonsense."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad")
        await writer.drain()
        writer.close()

    return script


@pytest.fixture
def planted(as_engineer: Client, scripted: Any, dead_url: str) -> tuple[Service, list[bytes]]:
    """A service whose three secrets hold the canary, registered by API shapes, with a run of every source that fails."""
    asked: list[bytes] = []
    port = dead_url.rpartition(":")[2]
    service = Service(
        slug="orders", name="Orders", base_url=scripted(failing(asked)), headers={"Authorization": f"Bearer {CANARY}"},
        database_dsn=f"postgres://reader:{CANARY}@127.0.0.1:{port}/orders", redis_url=f"redis://:{CANARY}@127.0.0.1:{port}/0",
    )  # fmt: skip
    fields = {name: getattr(service, name) for name in ("name", "slug", "base_url")}
    secrets = {name: getattr(service, name) for name in ("headers", "database_dsn", "redis_url")}
    response = as_engineer.post("/api/v1/services/", fields | secrets, content_type="application/json")
    assert response.status_code == 201, response.content
    assert clean(response.content.decode())
    return Service.objects.get(), asked


def test_the_canary_is_found_nowhere_but_at_the_service(
    planted: tuple[Service, list[bytes]],
    as_engineer: Client,
    as_admin: Client,
    people: Any,
    api: Any,
    make_token: Any,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    service, asked = planted
    caplog.set_level(logging.DEBUG)
    probes = [
        make_probe(service, params={"requests": 1}), make_probe(service, "memory"),
        make_probe(service, "queries", params={"source": "pg_stat_statements"}),
        make_probe(service, "cache", params={"source": "redis"}),
    ]  # fmt: skip
    while running.work():
        continue
    runs = list(Run.objects.order_by("pk"))
    assert len(runs) == len(probes)
    assert any(CANARY.encode() in request for request in asked)
    found = {run.pk: clean(str(vars(run))) for run in runs}
    for run in runs:
        places = {"service": service.pk, "probe": run.probe_id, "run": run.pk}
        found |= {path: clean(as_engineer.get(path.format(**places)).content.decode()) for path in PAGES}
        found |= {path: clean(as_admin.get(path.format(**places)).content.decode()) for path in (*ADMIN, "/activity/")}
        client: APIClient = api(make_token(people.engineer, ["read"]))
        found |= {path: clean(client.get(f"/api/v1{path.format(**places)}").content.decode()) for path in API}
    assert [path for path, is_clean in found.items() if not is_clean] == []
    assert clean(str([vars(entry) for entry in AuditEntry.objects.all()]))
    assert clean(caplog.text)
    assert clean("".join(capfd.readouterr()))


def test_what_is_wrong_with_a_secret_is_said_without_it(planted: tuple[Service, list[bytes]], as_engineer: Client) -> None:
    for field, value in (
        ("headers", f"Host: {CANARY}"), ("headers", CANARY), ("database_dsn", f"mysql://u:{CANARY}@h/d"),
        ("redis_url", f"redis://:{CANARY}@169.254.169.254/0"),
    ):  # fmt: skip
        form = {"name": "Orders", "base_url": planted[0].base_url, "environment": "", "tags": "", field: value}
        response = as_engineer.post("/services/orders/edit/", form)
        assert (field, response.status_code, clean(response.content.decode())) == (field, 422, True)


def test_commands_and_the_database_keep_it_to_themselves(
    planted: tuple[Service, list[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    out = io.StringIO()
    call_command("export_services", stdout=out)
    call_command("rotate_secrets", stdout=out)
    with pytest.raises(CommandError) as refused:
        call_command("probe", planted[0].base_url.replace("127.0.0.1", "10.0.0.1"), "--header", f"X: {CANARY}", stdout=out)
    assert clean(out.getvalue() + str(refused.value) + caplog.text)
    with connection.cursor() as cursor:
        cursor.execute("SELECT headers, database_dsn, redis_url FROM probes_service")
        assert clean(str(cursor.fetchall()))
    assert clean(repr(planted[0]) + str(planted[0]))
