"""What goes down comes back: real processes, real signals. No due run is lost, none is read twice, each broken one is marked."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.probes.servers import Postgres, Processes, Redis, until

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.servers, pytest.mark.timeout(600)]
PROBES, SEED = 12, 9
SETUP = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.utils import timezone
from tests.kpis.factories import make_kpi
from tests.probes.factories import make_probe, make_service
kpi = make_kpi(metric="latency", aggregation="p95")
for _ in range({probes}):
    make_probe(
        make_service({url!r}), feeds={{"latency": kpi}}, interval_s=5, next_run_at=timezone.now(),
        params={{"requests": 3, "paths": ["/slow/200"]}},
    )
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def processes(tmp_path: Path, postgres: Postgres, service_url: str) -> Iterator[Processes]:
    """An installation with a dozen probes that are due every five seconds."""
    postgres.ask("DROP SCHEMA public CASCADE")
    postgres.ask("CREATE SCHEMA public")
    found = Processes(tmp_path, DATABASE_URL=postgres.url)
    found.do(SETUP.format(probes=PROBES, url=service_url))
    yield found
    found.kill()


def done(postgres: Postgres, outcome: str = "ok") -> int:
    return int(postgres.ask("SELECT count(*) FROM probes_run WHERE state = 'done' AND outcome = %s", outcome)[0][0])


def let_claims_run_out(postgres: Postgres) -> None:
    """As if the hundred seconds of a claim had passed."""
    postgres.ask("UPDATE probes_run SET started_at = started_at - interval '101 s' WHERE state = 'running'")
    postgres.ask("UPDATE probes_probe SET claimed_until = now() WHERE claimed_until > now()")


def more(postgres: Postgres, rounds: int = 2) -> None:
    """Wait until each probe has been measured so many times more."""
    query = "SELECT probe_id, count(*) FROM probes_run WHERE state = 'done' AND outcome = 'ok' GROUP BY 1"
    before = dict(postgres.ask(query))

    def each() -> bool:
        now = dict(postgres.ask(query))
        return len(now) == PROBES and all(count >= before.get(probe, 0) + rounds for probe, count in now.items())

    until(each, f"{rounds} more runs of each probe")


def check(postgres: Postgres) -> None:
    """Once all is settled."""
    outcomes = dict(postgres.ask("SELECT outcome, count(*) FROM probes_run WHERE state = 'done' GROUP BY 1"))
    assert set(outcomes) <= {"ok", "abandoned"}, outcomes
    untold = "outcome = 'abandoned' AND (error = '' OR finished_at IS NULL OR readings <> '[]')"
    assert postgres.ask(f"SELECT id FROM probes_run WHERE {untold}") == []
    retried = """SELECT count(*) FROM probes_run lost WHERE outcome = 'abandoned' AND NOT details ? 'retry_of' AND NOT EXISTS
        (SELECT 1 FROM probes_run again WHERE (again.details->>'retry_of')::bigint = lost.id)"""
    assert postgres.ask(retried) == [(0,)]
    twice = "SELECT origin FROM kpis_measurement GROUP BY origin HAVING count(*) > 1"
    assert postgres.ask(twice) == []
    read = "SELECT 'run:' || id FROM probes_run WHERE outcome = 'ok' ORDER BY 1"
    assert postgres.ask("SELECT origin FROM kpis_measurement ORDER BY 1") == postgres.ask(read)
    summed = "SELECT coalesce(sum(points), 0) FROM kpis_rollup WHERE resolution = 'hour'"
    assert postgres.ask(summed)[0][0] == postgres.ask("SELECT count(*) FROM kpis_measurement")[0][0]


def settle(postgres: Postgres, processes: Processes) -> None:
    """Let a lost claim run out, wait until it was taken up again, and end in peace."""
    let_claims_run_out(postgres)
    more(postgres)
    for process in processes.running:
        process.terminate()
    for process in processes.running:
        process.wait(20)
    assert postgres.ask("SELECT count(*) FROM probes_run WHERE state <> 'done'") == [(0,)]


def test_a_worker_that_is_killed_at_any_moment_loses_no_run_and_repeats_no_reading(
    postgres: Postgres, processes: Processes
) -> None:
    chance = random.Random(SEED)
    under_way = "SELECT 1 FROM probes_run WHERE state = 'running'"
    for amid in (True, False) * 3:
        before = done(postgres)
        engine = processes.start("manage.py", "engine")
        until(lambda before=before: done(postgres) > before, "a first run")
        if amid:
            until(lambda: postgres.ask(under_way), "a run under way")
        time.sleep(chance.uniform(0, 0.3 if amid else 6))
        processes.kill([engine])
        let_claims_run_out(postgres)
    processes.start("manage.py", "engine")
    settle(postgres, processes)
    check(postgres)
    assert done(postgres, "abandoned") > 0


def test_a_minute_without_redis_keeps_what_is_due_waiting_and_no_longer(
    postgres: Postgres, redis: Redis, processes: Processes
) -> None:
    processes.env["REDIS_URL"] = redis.url
    worker = processes.start("-m", "celery", "-A", "config", "worker", "-Q", "probes", "-c", "2", "--loglevel", "WARNING")
    beat = processes.start("-m", "celery", "-A", "config", "beat", "--pidfile=")
    more(postgres)
    redis.stop()
    time.sleep(random.Random(SEED).uniform(60, 65))
    redis.start()
    more(postgres)
    assert (worker.poll(), beat.poll()) == (None, None)
    settle(postgres, processes)
    check(postgres)
    assert done(postgres, "abandoned") == 0


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_database_that_starts_anew_loses_no_run_and_repeats_no_reading(
    postgres: Postgres, processes: Processes, how: str
) -> None:
    engine = processes.start("manage.py", "engine")
    chance = random.Random(SEED)
    for _ in range(3):
        more(postgres, 1)
        time.sleep(chance.uniform(0, 3))
        postgres.stop(how)
        time.sleep(chance.uniform(0.5, 2))
        postgres.start()
        let_claims_run_out(postgres)
    assert engine.poll() is None
    settle(postgres, processes)
    check(postgres)
