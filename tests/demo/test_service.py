"""The reference service, small: both variants of every switch give the same answers, and the switches are real."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from config.ports import free_port
from demo.app import create_app
from demo.cache import LayeredCache
from demo.data import Sizes
from demo.database import KEPT_LOGS
from probes.instrument import Cache

SIZES = Sizes(users=40, posts=300, comments=500)
SWITCHES = [
    "single-query",
    "indexes",
    "batch-insert",
    "connection-pool",
    "l1-cache",
    "l2-cache",
    "warming",
    "tag-invalidation",
    "connection-leak",
]


@contextmanager
def serving(folder: Path) -> Iterator[httpx.Client]:
    """The service as a real server, in a thread, on a free port."""
    app = create_app(f"sqlite+aiosqlite:///{folder / 'demo.sqlite3'}", sizes=SIZES)
    port = free_port(20000 + os.getpid() % 5000)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 30
    while not server.started and time.monotonic() < end:
        time.sleep(0.05)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[httpx.Client]:
    with serving(folder) as client:
        yield client


def rows(folder: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "demo.sqlite3")) as database:
        return database.execute(statement).fetchall()


def turn(service: httpx.Client, name: str, on: bool, **parameters: int) -> Any:
    return service.put(f"/switches/{name}", json={"on": on, "parameters": parameters})


def metric(service: httpx.Client, name: str) -> float:
    lines = [line for line in service.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def connections(service: httpx.Client) -> float:
    return metric(service, "db_client_connection_count")


def test_leak_opens_real_connections_until_its_limit_and_closes_them(folder: Path, service: httpx.Client) -> None:
    before = connections(service)
    turn(service, "connection-leak", True, most=40)
    for _ in range(45):
        assert service.get("/users").status_code == 200
    assert 40 < connections(service) <= 40 + 30
    assert len(_open_files(folder)) >= 40
    turn(service, "connection-leak", False)
    assert service.get("/users").status_code == 200
    assert connections(service) <= before + 1


def _open_files(folder: Path) -> list[Path]:
    """This process's own handles on the database: what SQLite has really opened."""
    found = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [link for link in found if str(folder / "demo.sqlite3") == os.path.realpath(link)]


@pytest.fixture
def alone(service: httpx.Client) -> None:
    """Everything off, and no warming under way, so that statements can be counted."""
    for name in SWITCHES:
        turn(service, name, False)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sets(st.sampled_from(SWITCHES)),
    st.integers(1, 50),
    st.integers(1, SIZES.users + 5),
    st.integers(1, SIZES.posts),
)
def test_every_combination_of_switches_gives_the_same_answers(
    service: httpx.Client, on: set[str], limit: int, user: int, post: int
) -> None:
    def answers() -> list[Any]:
        paths = (f"/users?limit={limit}", f"/users/{user}", f"/posts/{post}/comments")
        return [(answer.status_code, answer.json()) for answer in map(service.get, paths)]

    for name in SWITCHES:
        turn(service, name, False)
    plain = answers()
    for name in SWITCHES:
        turn(service, name, name in on)
    assert answers() == plain
    assert answers() == plain, "the second look comes from the cache"


@pytest.mark.parametrize("on", [False, True])
def test_written_comment_is_read_at_once(service: httpx.Client, on: bool) -> None:
    service.put("/switches/phases/2", json={"on": on})
    before = service.get("/posts/7/comments").json()
    service.post("/posts/7/comments", json=[{"body": "one"}, {"body": "two"}])
    assert [row["body"] for row in service.get("/posts/7/comments").json()[len(before) :]] == ["one", "two"]


@pytest.mark.usefixtures("alone")
def test_single_query_is_one_statement(service: httpx.Client) -> None:
    counts = {}
    for on in (False, True):
        turn(service, "single-query", on)
        before = metric(service, "db_client_operation_duration_seconds_count")
        service.get("/users?limit=10")
        counts[on] = metric(service, "db_client_operation_duration_seconds_count") - before
    assert counts == {False: 11, True: 1}


@pytest.mark.usefixtures("alone")
def test_batch_insert_is_one_statement(service: httpx.Client) -> None:
    counts = {}
    for on in (False, True):
        turn(service, "batch-insert", on)
        before = metric(service, "db_client_operation_duration_seconds_count")
        service.post("/posts/9/comments", json=[{"body": "x"}] * 5)
        counts[on] = metric(service, "db_client_operation_duration_seconds_count") - before
    assert counts == {False: 5, True: 1}


def test_indexes_are_really_created_and_dropped(service: httpx.Client, folder: Path) -> None:
    count = "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name LIKE 'idx_%'"
    turn(service, "indexes", True)
    assert rows(folder, count) == [(3,)]
    turn(service, "indexes", False)
    assert rows(folder, count) == [(0,)]


def test_pool_on_sqlite_claims_no_effect(service: httpx.Client) -> None:
    assert "needs PostgreSQL" in turn(service, "connection-pool", True).json()["no_effect_because"]
    assert "Here it has no effect" in service.get("/switches", headers={"Accept": "text/html"}).text


def test_page_turns_switches_and_keeps_parameters(service: httpx.Client) -> None:
    service.post("/switches", content="name=l1-cache&size=7&ttl_s=60&on=1")
    [switch] = [one for one in service.get("/switches").json() if one["name"] == "l1-cache"]
    assert (switch["on"], switch["parameters"]) == (True, {"size": 7, "ttl_s": 60})
    assert len(service.put("/switches/phases/1", json={"on": True}).json()) == 4


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nonsense", {"on": True}, 404),
        ("phases/9", {"on": True}, 404),
        ("l1-cache", {"on": True, "parameters": {"size": 0}}, 422),
        ("l1-cache", {"on": True, "parameters": {"colour": 1}}, 422),
        ("l1-cache", {}, 422),
    ],
)
def test_wrong_turn_is_refused(service: httpx.Client, path: str, body: dict[str, Any], status: int) -> None:
    assert service.put(f"/switches/{path}", json=body).status_code == status


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_switches_answer_this_machine_only(service: httpx.Client, headers: dict[str, str]) -> None:
    assert service.get("/switches", headers=headers).status_code == 403


def test_query_log_fills(service: httpx.Client, folder: Path) -> None:
    before = rows(folder, "SELECT coalesce(max(id), 0) FROM query_logs")[0][0]
    service.get("/users?limit=3")
    end = time.monotonic() + 15
    while not (found := rows(folder, f"SELECT duration FROM query_logs WHERE id > {before}")) and time.monotonic() < end:
        time.sleep(0.1)
    assert found
    assert all(duration > 0 for (duration,) in found)


def test_query_log_forgets_the_oldest(service: httpx.Client, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "demo.sqlite3")) as database, database:
        far = rows(folder, "SELECT coalesce(max(id), 0) FROM query_logs")[0][0] + KEPT_LOGS
        database.execute("INSERT INTO query_logs (id, at, duration, statement) VALUES (?, 0, 1, 'x')", [far])
    oldest = "SELECT max(id) - min(id) FROM query_logs"
    service.get("/users?limit=3")
    end = time.monotonic() + 15
    while rows(folder, oldest)[0][0] >= KEPT_LOGS and time.monotonic() < end:
        time.sleep(0.1)
    assert rows(folder, oldest)[0][0] < KEPT_LOGS


def test_l1_is_a_true_lru_and_a_tag_takes_its_entries_along() -> None:
    counter = Counter("cache_requests", "", ["cache_name", "result"], registry=CollectorRegistry())
    cache = LayeredCache(Cache(counter, "x"), size=2)

    async def use() -> list[Any]:
        await cache.set("a", 1, {"red"})
        await cache.set("b", 2, {"blue"})
        await cache.get("a")
        await cache.set("c", 3, {"red"})  # b was used least recently
        found = [await cache.get(key) for key in "abc"]
        await cache.invalidate("red", "")
        return [*found, await cache.get("a"), await cache.get("c")]

    assert asyncio.run(use()) == [1, None, 3, None, None]


def test_data_is_the_same_at_every_first_start(tmp_path: Path, folder: Path, service: httpx.Client) -> None:
    with serving(tmp_path):
        statement = "SELECT * FROM posts ORDER BY id"
        assert rows(tmp_path, statement) == rows(folder, statement)


def test_inbox_shows_a_message_once_however_often_it_is_sent(service: httpx.Client) -> None:
    message = {"id": "k-1", "title": "Firing: <Memory>", "at": "2026-03-02T12:00:00+00:00", "type": "alert.firing"}
    for _ in range(2):
        assert service.post("/inbox", json=message, headers={"webhook-id": "k-1"}).status_code == 204
    told = service.get("/inbox").text
    assert (told.count("Firing: &lt;Memory&gt;"), "<Memory>" in told) == (1, False)
    assert service.get("/inbox", headers={"host": "evil.example"}).status_code == 403
