"""Cold against warm, on an application with a cache of its own."""

from __future__ import annotations

from typing import Any

import pytest

from outgoing.addresses import AddressPolicy
from probes.kinds import warmth
from probes.kinds.base import Outcome
from tests.probes.sources.conftest import Prober


@pytest.mark.parametrize("past", ["header", "query"])
def test_cold_requests_go_past_the_cache_and_warm_ones_into_it(service_url: str, past: str) -> None:
    paths = [f"/cached/{past}-1", f"/cached/{past}-2"]
    one = Prober(warmth, base_url=service_url)(paths=paths, past_the_cache=past, requests=6)
    cold, warm = one.readings
    assert (one.outcome, cold.metric, cold.count, warm.metric, warm.count) == (
        Outcome.OK, "cold_latency", 6, "warm_latency", 6,
    )  # fmt: skip
    assert cold.histogram is not None
    assert cold.histogram.percentile(1) >= 50 > warm.value
    assert one.details["cold_statuses"] == {"200": 6}


@pytest.mark.parametrize(
    ("path", "error"), [
        ("/answer/503", "most requests failed"),
        ("/answer/404", "most requests failed"),
        ("/slow/2000", "timed out (3×)"),
    ]
)  # fmt: skip
def test_a_half_that_fails_compares_with_nothing(service_url: str, path: str, error: str) -> None:
    one = Prober(warmth, base_url=service_url)(paths=[path], requests=4, timeout_s=0.1)
    assert (one.outcome in (Outcome.FAILED, Outcome.TIMED_OUT), one.error, one.readings) == (True, error, [])


def test_an_address_that_may_not_be_reached_is_refused(dead_url: Any) -> None:
    assert Prober(warmth, base_url=dead_url)(AddressPolicy.of([])).outcome == Outcome.REFUSED
