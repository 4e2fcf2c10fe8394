"""Figures of a real Prometheus server, and of what speaks its documented answers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from outgoing.addresses import AddressPolicy, Refused
from probes.kinds import promql
from probes.kinds.base import Outcome, Page
from probes.sources import Unread
from probes.sources.prometheus import answer_of
from tests.probes.sources.conftest import AT, Prober, told

CONFIG = """
global: {scrape_interval: 1s}
scrape_configs: [{job_name: own, static_configs: [{targets: ["127.0.0.1:%d"]}]}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prometheus, reading itself every second, once it has read twice."""
    room: Path = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (room / "prometheus.yml").write_text(CONFIG % port)
    command = [str(shutil.which("prometheus")), f"--config.file={room / 'prometheus.yml'}",
               f"--storage.tsdb.path={room / 'data'}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]  # fmt: skip
    with (
        (room / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}) as own,
    ):
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and not _has_read(port):
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            own.terminate()
            own.wait(10)


def _has_read(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": "count_over_time(up[1m])"})
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and any(float(row["value"][1]) >= 2 for row in answer.json()["data"]["result"])


@pytest.fixture
def ask(server: str) -> Any:
    probe = Prober(promql, base_url=server)
    probe.at = datetime.now(UTC)
    return probe


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("params", "reading"),
    [
        ({"query": "scalar(up) * 3", "unit": "count"}, ("amount", 3, "count", 1, "")),
        ({"query": "up", "unit": "%"}, ("share", 0.01, "ratio", 1, "")),
        ({"query": 'label_replace(up, "a", "1", "", "") or up', "unit": "s", "several": "sum"}, ("duration", 2000, "ms", 1, "")),
        ({"query": "vector(2) or label_replace(vector(4), 'a', 'b', '', '')", "unit": "MB", "several": "mean"},
         ("size", 3e6, "bytes", 1, "")),
        ({"query": "vector(7)", "unit": "1/min", "over_minutes": 2, "step_s": 30, "reduce": "max"},
         ("frequency", round(7 / 60, 6), "1/s", 5, "max of 5 points over 2 min")),
    ],
)  # fmt: skip
def test_a_query_is_read(ask: Any, params: dict[str, Any], reading: tuple[Any, ...]) -> None:
    one = ask(**params)
    assert (one.outcome, told(one)) == (Outcome.OK, [reading])


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("query", "outcome", "text"),
    [
        ("nothing_of_that_name", Outcome.OK, "no figure"),
        ("vector(0) / 0", Outcome.OK, "no figure"),
        ("1 / vector(0)", Outcome.OK, "no figure"),
        ("prometheus_http_requests_total", Outcome.FAILED, "figures were found"),
        ("sum(", Outcome.FAILED, "the query is not understood"),
        ('"text"', Outcome.FAILED, "gives a text"),
    ],
)
def test_what_tells_no_figure_is_said(ask: Any, query: str, outcome: Outcome, text: str) -> None:
    one = ask(query=query)
    assert (one.outcome, one.readings) == (outcome, [])
    assert text in (one.error or one.reason)


def page(body: Any, status: int = 200) -> Page:
    return Page(status, body if isinstance(body, str) else json.dumps(body), "application/json", AT)


@pytest.mark.parametrize(
    ("body", "outcome", "text"),
    [
        (
            {"status": "error", "errorType": "timeout", "error": "secret"},
            Outcome.TIMED_OUT,
            "Prometheus: the query took too long",
        ),
        ({"status": "error", "errorType": "execution", "error": "secret"}, Outcome.FAILED, "Prometheus: the query failed"),
        ({"status": "error", "errorType": "other", "error": "secret"}, Outcome.FAILED, "not that of a Prometheus"),
        ({"status": "success"}, Outcome.FAILED, "not that of a Prometheus"),
        ({"password": "secret"}, Outcome.FAILED, "not that of a Prometheus"),
        ("<html>secret</html>", Outcome.FAILED, "not that of a Prometheus"),
        ("[" * 100_000, Outcome.FAILED, "not that of a Prometheus"),
    ],
)
def test_a_bad_answer_is_told_without_what_it_says(body: Any, outcome: Outcome, text: str) -> None:
    with pytest.raises(Unread) as unread:
        answer_of(page(body, 400))
    assert (unread.value.outcome, text in str(unread.value), "secret" in str(unread.value)) == (outcome, True, False)


@pytest.mark.parametrize(
    "result",
    [
        {"resultType": "vector", "result": [{"value": [1]}]},
        {"resultType": "vector", "result": [{"value": [1, "many"]}]},
        {"resultType": "vector", "result": 3},
        {"resultType": "scalar", "result": None},
        {"resultType": "vector", "result": [{"metric": {"a": str(n)}, "value": [1, "1"]} for n in range(1_001)]},
    ],
)
def test_results_of_another_shape_tell_nothing(answering: Any, result: Any) -> None:
    one = Prober(promql, base_url=answering({"status": "success", "data": result}))(several="sum")
    assert (one.outcome, one.readings) == (Outcome.FAILED, [])


def test_headers_go_to_the_service_s_own_origin_only(answering: Any) -> None:
    good = {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}
    own, other = answering(good), answering(good)
    probe = Prober(promql, base_url=f"{own}/prometheus", headers={"X-Key": "s3cret"})
    assert probe(query="up + 1").outcome == probe(address=other).outcome == Outcome.OK
    assert answering.seen[own][0].startswith("GET /prometheus/api/v1/query?query=up+%2B+1&time=")
    assert ("X-Key: s3cret" in answering.seen[own][0], "X-Key" in answering.seen[other][0]) == (True, False)


@pytest.mark.parametrize("address", ["ftp://a", "http://0x7f.1", "http://a/?b", "nowhere"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        promql.Params(address=address)


def test_the_address_policy_stands_before_another_server() -> None:
    with pytest.raises(Refused):
        Prober(promql)(AddressPolicy.of([]), address="http://169.254.169.254")


def test_more_points_than_can_be_read_are_refused() -> None:
    with pytest.raises(ValueError, match="1,000 points"):
        promql.Params(over_minutes=60, step_s=1)
