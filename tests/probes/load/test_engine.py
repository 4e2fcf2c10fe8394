"""The engine against targets of exactly known behaviour."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpis.stats.histogram import RELATIVE_ERROR, Histogram
from outgoing import tls
from outgoing.addresses import Refused
from probes.load import guard
from probes.load.driving import specs
from probes.load.profile import Ask, Profile, Stage, Think
from probes.load.report import Total
from tests.probes import certificates
from tests.probes.load.conftest import Crew, Row, order, profile, put, start_target, stop


def response(total: Total) -> Histogram:
    return Histogram.from_bytes(total.response)


def one(path: str, url: str, **fields: object) -> Total:
    (total,) = put(url, profile(path, **fields))[0].totals
    return total


def test_closed_users_read_what_the_target_takes(target: str) -> None:
    total = one("/fixed/50", target, users=5, seconds=1.5)
    assert (set(total.statuses), total.errors, total.label) == ({200}, {}, "5 users")
    assert response(total).count == total.ended == total.sent
    assert 50 <= response(total).percentile(50) < 65
    assert Histogram.from_bytes(total.connect).count == 5


def test_two_kinds_of_answers_are_told_apart(target: str) -> None:
    times = response(one("/two/10/200/5", target, users=4, seconds=2))
    assert 10 <= times.percentile(50) < 30
    assert 200 <= times.percentile(95) < 230
    assert sum(count for low, _, count in times.buckets() if low > 100) / times.count == pytest.approx(0.2, abs=0.04)


def test_an_open_rate_is_kept_though_the_target_is_slow(target: str) -> None:
    total = one("/fixed/300", target, rate=100, seconds=1.5)
    assert total.sent == pytest.approx(150, abs=2)
    assert total.gauge.achieved >= 0.99
    assert response(total).percentile(50) >= 300


def test_what_finds_no_connection_is_an_error_of_the_service_not_of_the_generator(target: str) -> None:
    result, _ = put(target, profile("/fixed/200", rate=100, seconds=1.5), connections=5)
    (total,) = result.totals
    assert total.errors["all connections were waiting for answers"] == pytest.approx(110, abs=15)
    assert (total.sent, total.gauge.achieved) == (total.ended, 1.0)
    assert response(total).percentile(99) > 900


def test_throughput_is_what_was_answered_meanwhile(target: str) -> None:
    total = one("/fixed/400", target, rate=50, seconds=1.5)
    assert sum(total.arrived.values()) == pytest.approx(55, abs=4)
    assert (total.ended, total.left) == (pytest.approx(75, abs=2), pytest.approx(20, abs=4))


def test_a_mix_comes_by_its_weights(target: str) -> None:
    total = one(
        "", target, users=2, seconds=0.6, requests=(Ask("/fixed/5", weight=3), Ask("/fixed/20", method="POST", body="{}"))
    )
    counts = {asked.name: asked.count for asked in total.requests}
    assert counts["GET /fixed/5"] == pytest.approx(3 * counts["POST /fixed/20"], abs=6)
    slow = Histogram.from_bytes(total.requests[1].service)
    assert (slow.count, slow.percentile(0) > 15) == (counts["POST /fixed/20"], True)


@pytest.mark.parametrize(
    ("path", "statuses", "errors"),
    [
        ("/status/503", {503}, set()),
        ("/once", {200}, set()),
        ("/quietly_once", {200}, set()),
        ("/unframed", {200}, set()),
        ("/slow-body", {200}, set()),
        ("/reset", set(), {"connection reset"}),
        ("/cut", set(), {"connection closed before the response ended"}),
        ("/silent", set(), {"timed out"}),
        ("/endless", set(), {"timed out"}),
    ],
)
def test_every_end_of_a_request_is_counted(target: str, path: str, statuses: set[int], errors: set[str]) -> None:
    total = one(path, target, users=3, seconds=0.7, timeout_s=0.3)
    assert (set(total.statuses), set(total.errors)) == (statuses, errors)
    assert total.ended == total.sent > 0
    assert response(total).count == total.ended - sum(count for text, count in total.errors.items() if text != "timed out")


def test_a_time_out_counts_at_its_full_time(target: str) -> None:
    times = response(one("/silent", target, users=2, seconds=0.7, timeout_s=0.3))
    assert times.percentile(0) == times.percentile(100) == pytest.approx(300, rel=0.002)


def test_a_slow_body_is_timed_to_its_last_byte(target: str) -> None:
    assert 100 * (1 - RELATIVE_ERROR) <= response(one("/slow-body", target, users=2)).percentile(50) < 130


def test_a_dead_port_is_an_error_without_a_time(dead_url: str) -> None:
    total = one("/", dead_url, users=2, seconds=0.5)
    assert (set(total.errors), response(total).count) == ({"connection refused"}, 0)
    assert 2 < total.sent < 20


def test_the_warm_up_is_left_out(target: str) -> None:
    result, rows = put(target, profile(users=4, seconds=2, warm_up_s=1))
    assert result.totals[0].seconds == pytest.approx(1, abs=0.1)
    assert result.totals[0].ended < sum(row.ended for row in rows)
    assert Histogram.from_bytes(result.totals[0].connect).count == 0


def test_stages_follow_each_other_and_a_pause_is_quiet(target: str) -> None:
    stages = (Stage(seconds=1, users=2), Stage(seconds=1), Stage(seconds=1, users=6, at_once=True), Stage(seconds=1, rate=20))
    result, rows = put(target, Profile(stages=stages, requests=(Ask("/fixed/20"),), timeout_s=1))
    assert [(total.label, total.sent > 0) for total in result.totals] == [
        ("2 users", True), ("cool-down", False), ("6 users", True), ("20/s", True),
    ]  # fmt: skip
    assert result.totals[2].ended > 2 * result.totals[0].ended
    assert [row.stage for row in rows[:4]] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("think", "low", "high"),
    [(Think("fixed", 0.1), 40, 75), (Think("paced", 0.1), 70, 105), (Think("exponential", 0.1), 40, 90)],
)
def test_users_think(target: str, think: Think, low: int, high: int) -> None:
    total = one("/fixed/50", target, users=5, seconds=1.5, think=think)
    assert low <= total.ended <= high


def test_it_stops_within_two_seconds(target: str) -> None:
    asked: list[float] = []

    def act(crew: Crew, row: Row) -> None:
        if not asked:
            asked.append(time.monotonic())
            crew.stop()

    result, _ = put(target, profile("/silent", users=3, seconds=60, timeout_s=30), act=act)
    assert time.monotonic() - asked[0] < 2
    assert (result.stopped, result.dead) == (True, "")


def test_shards_merge_to_their_sum(target: str) -> None:
    result, rows = put(target, profile(rate=100, seconds=2.5), shards=2)
    assert (result.shards, result.dead) == (2, "")
    assert result.totals[0].ended == response(result.totals[0]).count == pytest.approx(250, abs=3)
    assert rows[1].sent == pytest.approx(100, abs=15)
    assert (result.totals[0].rate, result.totals[0].label) == (100, "100/s")


def test_a_dead_shard_makes_the_run_void(target: str) -> None:
    def act(crew: Crew, row: Row) -> None:
        if row.second == 0:
            crew.processes[1].kill()

    result, _ = put(target, profile(users=4, seconds=5), shards=2, act=act)
    assert result.dead == "shard 1 fell silent (SIGKILL)"


def test_a_shard_that_complains_without_end_is_not_held_up_and_its_last_words_are_kept(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONVERBOSE", "1")  # some hundred kilobytes on standard error before it is ready

    def act(crew: Crew, row: Row) -> None:
        crew.processes[0].kill()

    result, _ = put(target, profile(users=1, seconds=5), act=act)
    assert re.fullmatch(r"shard 0 fell silent \(SIGKILL\): ….*import.*", result.dead)
    assert len(result.dead) < 400


def test_a_shard_that_cannot_start_says_why(target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise SystemExit('no loop on this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert put(target, profile())[0].dead == "shard 0 did not start (exit code 1): no loop on this machine"


def test_a_forbidden_address_is_refused(target: str) -> None:
    with pytest.raises(Refused, match="not a public address"):
        put("http://127.0.0.1:9", profile(), allow=[])


def test_kernel_stamps_leave_out_the_time_in_this_process(target: str) -> None:
    assert put(target, profile())[0].kernel_stamps
    assert not put(target, profile(), kernel_stamps=False)[0].kernel_stamps


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    authority, _ = certificates.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    process, port = start_target(str(tmp_path / "server.pem"))
    yield f"https://127.0.0.1:{port}"
    stop(process)
    monkeypatch.undo()
    tls.context.cache_clear()


def test_tls_is_spoken(secure: str) -> None:
    result, _ = put(secure, profile(users=3))
    assert (set(result.totals[0].statuses), result.totals[0].errors) == ({200}, {})
    assert 50 <= response(result.totals[0]).percentile(50) < 65
    assert result.kernel_stamps


@pytest.mark.parametrize(
    ("path", "statuses", "errors"),
    [
        ("/status/503", {503}, set()),
        ("/once", {200}, set()),
        ("/unframed", {200}, set()),
        ("/slow-body", {200}, set()),
        ("/cut", set(), {"connection closed before the response ended"}),
        ("/silent", set(), {"timed out"}),
        ("/endless", set(), {"timed out"}),
    ],
)
def test_every_end_of_a_request_is_counted_over_tls(secure: str, path: str, statuses: set[int], errors: set[str]) -> None:
    total = one(path, secure, users=3, seconds=0.7, timeout_s=0.3)
    assert (set(total.statuses), set(total.errors)) == (statuses, errors)
    assert total.ended == total.sent > 0


def test_tls_refuses_an_unknown_authority(secure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert set(put(secure, profile(users=1, seconds=0.5))[0].totals[0].errors) == {"TLS: CERTIFICATE_VERIFY_FAILED"}


@pytest.mark.slow
@pytest.mark.alone
def test_stalls_count_against_the_target(target: str) -> None:
    """5 ms, and 1 s of nothing in every 6: p95 and p99 of independent arrivals are known."""
    (total,) = put(target, profile("/stall/6/1", rate=1000, seconds=24, poisson=True, timeout_s=5))[0].totals
    assert response(total).percentile(95) == pytest.approx(705, rel=0.04)
    assert response(total).percentile(99) == pytest.approx(945, rel=0.04)


@pytest.mark.slow
@pytest.mark.alone
def test_a_starved_generator_is_found_out(target: str) -> None:
    """Pinned to one core beside busy loops, it knows that what it reads is its own."""
    wanted = profile("/fixed/20", users=200, seconds=4, think=Think("paced", 0.1))
    crew = Crew(specs(order(target, wanted), 1), wanted, lambda row: None)
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]

    async def start() -> float:
        for pid in [process.pid for process in (*crew.processes, *loops)]:
            os.sched_setaffinity(pid, {0})
        return time.time() + 0.3

    try:
        assert guard.limited(asyncio.run(crew.run(start))) != ""
    finally:
        for process in loops:
            process.kill()
            process.wait()
