"""Latency, error rate and availability of a real application, and what is left unsaid when it fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import uvloop

from outgoing.addresses import AddressPolicy
from probes.kinds import http
from probes.kinds.base import Measured, Outcome, Page, Target, Tools
from probes.stopwatch import Result

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def no_scrape() -> Page:
    raise AssertionError("this kind reads no metrics")


def measured(url: str, *allow: str, **params: Any) -> Measured:
    tools = Tools(policy=AddressPolicy.of(allow or ["127.0.0.0/8"]), scrape=no_scrape, now=lambda: AT)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(http.measure(Target(slug="orders", base_url=url), http.Params(**params), tools))


def figures(one: Measured) -> dict[str, float]:
    return {reading.metric: reading.value for reading in one.readings}


def test_what_is_read_of_a_service_that_answers(service_url: str) -> None:
    one = measured(service_url, paths=["/", "/health"], requests=6, users=2)
    assert (one.outcome, one.details["requests"], one.details["statuses"], one.details["complete"]) == (
        Outcome.OK,
        6,
        {"200": 6},
        True,
    )
    latency, errors, up = one.readings
    assert latency.histogram is not None
    assert (latency.metric, latency.unit, latency.count, latency.histogram.count, latency.at) == ("latency", "ms", 6, 6, AT)
    assert (errors.metric, errors.value, errors.count) == ("error_rate", 0.0, 6)
    assert (up.metric, up.value, up.count, up.note) == ("availability", 1.0, 1, "6 of 6 requests")


@pytest.mark.parametrize("base", ["", "/", "/answer", "/answer/"])
def test_paths_stand_below_the_base_address(service_url: str, base: str) -> None:
    path = "/answer/201" if base in ("", "/") else "/201"
    assert measured(service_url + base, paths=[path], requests=2).details["statuses"] == {"201": 2}


def test_the_service_s_headers_are_sent(scripted: Any) -> None:
    seen = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    tools = Tools(policy=AddressPolicy.of(["127.0.0.0/8"]), scrape=no_scrape, now=lambda: AT)
    target = Target(slug="orders", base_url=scripted(script), headers={"X-Key": "k"})
    asyncio.run(http.measure(target, http.Params(requests=1), tools))
    assert all(b"\r\nX-Key: k\r\n" in request for request in seen)


@pytest.mark.parametrize(
    ("statuses", "errors", "only_2xx", "found"),
    [
        ({200: 8, 500: 2}, {}, False, {"latency", "error_rate", "availability"}),
        ({200: 8, 404: 2}, {}, False, {"latency", "error_rate", "availability"}),
        ({200: 5, 500: 5}, {}, False, {"latency", "error_rate", "availability"}),
        ({200: 4, 500: 6}, {}, False, {"error_rate", "availability"}),
        ({500: 10}, {}, False, {"error_rate", "availability"}),
        ({302: 10}, {}, True, {"error_rate", "availability"}),
        ({200: 1}, {"connection reset": 2}, False, {"error_rate", "availability"}),
        ({404: 10}, {}, False, {"availability"}),
        ({200: 4, 404: 6}, {}, False, {"availability"}),
        ({200: 4, 404: 3, 500: 3}, {}, False, {"error_rate", "availability"}),
        ({200: 4, 404: 2, 500: 4}, {}, False, {"error_rate", "availability"}),
        ({200: 4, 429: 2, 500: 4}, {}, False, {"error_rate", "availability"}),
        ({302: 10}, {}, False, {"availability"}),
        ({401: 10}, {}, False, set()),
        ({}, {"connection refused": 3}, False, {"availability"}),
    ],
)
def test_times_count_only_while_most_requests_succeed(
    statuses: dict[int, int], errors: dict[str, int], only_2xx: bool, found: set[str]
) -> None:
    result = Result(times_ms=[5.0] * sum(statuses.values()), statuses=Counter(statuses), errors=Counter(errors))
    assert set(figures(http.judged(result, at=AT, only_2xx=only_2xx))) == found


@pytest.mark.parametrize(
    ("status", "only_2xx", "rate"), [(204, False, 0.0), (404, True, 1.0), (302, True, 1.0), (503, False, 1.0)]
)
def test_what_counts_as_an_error(service_url: str, status: int, only_2xx: bool, rate: float) -> None:
    one = measured(service_url, paths=[f"/answer/{status}"], requests=2, only_2xx=only_2xx)
    assert (one.outcome, figures(one)["error_rate"], figures(one)["availability"]) == (Outcome.OK, rate, 1 - rate)


@pytest.mark.parametrize(
    ("status", "outcome", "available", "advice"),
    [
        (404, Outcome.FAILED, {"availability": 0.0}, "check the path"),
        (307, Outcome.FAILED, {"availability": 0.0}, "it redirects, ask the address that it leads to"),
        (401, Outcome.INVALID, {}, "give the headers that it asks for"),
        (429, Outcome.INVALID, {}, "ask less often, or let the probe in"),
    ],
)
def test_an_answer_that_serves_nothing_is_neither_fast_nor_without_errors(
    service_url: str, status: int, outcome: Outcome, available: dict[str, float], advice: str
) -> None:
    one = measured(service_url, paths=[f"/answer/{status}"], requests=2)
    assert (one.outcome, one.reason, figures(one)) == (outcome, "most requests were not served", available)
    assert one.error == f"2 of 2 requests were answered {status}: {advice}"


def test_a_removed_path_among_others_is_not_timed_and_lowers_availability(service_url: str) -> None:
    one = measured(service_url, paths=["/", "/", "/answer/404"], requests=6)
    latency, _, up = one.readings
    assert (one.outcome, latency.count, up.value, up.note) == (Outcome.OK, 4, 4 / 6, "4 of 6 requests")
    assert one.details["not_served"] == "2 of 6 requests were answered 404: check the path"


def test_who_is_turned_away_now_and_then_does_not_know_whether_the_service_was_up() -> None:
    result = Result(times_ms=[5.0] * 8, statuses=Counter({200: 8, 429: 2}))
    assert figures(http.judged(result, at=AT))["availability"] == 1.0


def test_a_dead_service_tells_nothing_but_that_it_is_down(dead_url: str) -> None:
    one = measured(dead_url)
    assert (one.outcome, one.error, figures(one)) == (Outcome.FAILED, "connection refused (3×)", {"availability": 0.0})
    assert one.readings[0].count == 1


def test_a_silent_service_times_out(service_url: str) -> None:
    one = measured(service_url, paths=["/slow/2000"], timeout_s=0.1)
    assert (one.outcome, one.error, figures(one)) == (Outcome.TIMED_OUT, "timed out (3×)", {"availability": 0.0})


def test_a_name_that_is_not_known_fails_plainly() -> None:
    one = measured("http://nowhere.invalid", requests=1)
    assert (one.outcome, figures(one)) == (Outcome.FAILED, {"availability": 0.0})
    assert "Name or service not known" in one.error or "name resolution" in one.error


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://10.0.0.1", "ftp://127.0.0.1", "http://0x7f.1"])
def test_an_address_that_may_not_be_reached_is_refused(url: str) -> None:
    one = measured(url)
    assert (one.outcome, one.reason, one.readings) == (Outcome.REFUSED, "address", [])
