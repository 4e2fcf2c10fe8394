"""Figures out of JSON documents."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from outgoing.http import Unreachable
from probes.kinds import json
from probes.kinds.base import Outcome
from probes.sources import Unread
from probes.sources.document import figures
from tests.probes.sources.conftest import Prober, told

STATS = {
    "cache": {"hit_rate": "33.3%", "hits": 12, "name": "main", "odd": None},
    "pools": [{"name": "a", "used": 3}, {"name": "b", "used": 5}],
    "p95": 0.25,
    "version": "1.2.3",
}


@pytest.mark.parametrize(
    ("params", "reading"),
    [
        ({}, ("share", 0.333, "ratio", 1, "")),
        ({"path": "$['p95']", "unit": "s"}, ("duration", 250, "ms", 1, "")),
        ({"path": "$.pools[*].used", "unit": "count", "several": "sum"}, ("amount", 8, "count", 2, "sum of 2 figures")),
        ({"path": "$.pools[-1].used", "unit": "MB"}, ("size", 5e6, "bytes", 1, "")),
        ({"path": "$.pools[?@.name=='a'].used", "unit": "count"}, ("amount", 3, "count", 1, "")),
        ({"path": "$..used", "unit": "1/s", "several": "max"}, ("frequency", 5, "1/s", 2, "max of 2 figures")),
    ],
)
def test_a_path_leads_to_a_figure(answering: Any, params: dict[str, Any], reading: tuple[Any, ...]) -> None:
    one = Prober(json, base_url=answering(STATS))(**params)
    assert (one.outcome, told(one)) == (Outcome.OK, [reading])


@pytest.mark.parametrize(
    ("path", "outcome", "text"),
    [
        ("$.nothing", Outcome.OK, "finds nothing"),
        ("$.cache.odd", Outcome.OK, "nothing was found"),
        ("$.cache.name", Outcome.FAILED, "no figure in %"),
        ("$.version", Outcome.FAILED, "no figure in %"),
        ("$.cache", Outcome.FAILED, "no figure in %"),
        ("$.pools[*].used", Outcome.FAILED, "2 figures were found"),
    ],
)
def test_what_is_no_figure_is_said_without_showing_it(answering: Any, path: str, outcome: Outcome, text: str) -> None:
    one = Prober(json, base_url=answering(STATS))(path=path)
    assert (one.outcome, one.readings) == (outcome, [])
    assert text in one.error
    assert "main" not in one.error


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html>", "no JSON"), ("", "no JSON"), ('{"cache": {"hit_rate": NaN}}', "no JSON"), ("[" * 100_000, "no JSON"),
        ("[" + "1," * 600_000 + "1]", "longer than 1 MB"), ("[" + "1," * 2_000 + "1]", "more than 1,000"),
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_read_or_is_too_much_is_refused(text: str, why: str) -> None:
    with pytest.raises(Unread, match=why):
        figures(text, "$[*]", "count")


@pytest.mark.parametrize(
    "path", ["$[", "cache.hit_rate", "", "$..a..b", "$[?@.a[?@.b]]", "$.a =~ /x/", "$[?match(@.a, '(a+)+')]"]
)
def test_a_path_that_cannot_be_read_or_takes_long_is_refused_where_it_is_typed(path: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"path": path}, json.Params)


def test_a_document_that_is_not_there_is_no_figure(service_url: str) -> None:
    with pytest.raises(Unreachable, match="answered 404"):
        Prober(json, base_url=service_url)(address="/answer/404")
