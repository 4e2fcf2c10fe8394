from datetime import timedelta

import pytest

from kpis.models import KPI
from kpis.rows import Choice, grouped, picked, source_of, way_of
from kpis.standing import Standing, standings
from tests.factories import make_user
from tests.kpis.factories import NOW, make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db


@pytest.fixture
def listed() -> list[Standing]:
    """met, behind (owned), stale, never measured."""
    card = make_scorecard()
    fields = {"scorecard": card, "aggregation": "last"}
    met = make_kpi("a-met", category="technical", position=1, **fields)
    behind = make_kpi("b-behind", category="operations", position=2, owner=make_user("engineer"), **fields)
    stale = make_kpi("c-stale", category="technical", position=3, **fields)
    make_kpi("d-none", category="technical", position=4, **fields)
    for kpi in (met, behind, stale):
        make_target(kpi, baseline=900)
    record_values(met, [400], subject="orders")
    record_values(behind, [700], subject="catalog")
    record_values(stale, [800], until=NOW - timedelta(days=2))
    return standings(KPI.objects.select_related("owner"), now=NOW)


def keys(found: list[Standing]) -> list[str]:
    return [one.kpi.key for one in found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["a-met", "b-behind", "c-stale", "d-none"]),
        ({"show": "attention"}, ["b-behind", "c-stale", "d-none"]),
        ({"show": "met"}, ["a-met"]),
        ({"show": "no_data"}, ["d-none"]),
        ({"show": "waived"}, []),
        ({"show": "nonsense", "sort": "nonsense"}, ["a-met", "b-behind", "c-stale", "d-none"]),
        ({"q": "CATALOG"}, ["b-behind"]),
        ({"q": "stale"}, ["c-stale"]),
        ({"category": "operations"}, ["b-behind"]),
        ({"category": "technical", "show": "met"}, ["a-met"]),
        ({"category": "nonsense", "q": "a-met"}, ["a-met"]),
        ({"sort": "status"}, ["d-none", "c-stale", "b-behind", "a-met"]),
        ({"sort": "way"}, ["d-none", "c-stale", "b-behind", "a-met"]),
        ({"sort": "age"}, ["d-none", "c-stale", "a-met", "b-behind"]),
    ],
)
def test_an_address_picks_and_sorts(listed: list[Standing], query: dict[str, str], expected: list[str]) -> None:
    assert keys(picked(listed, Choice.of(query))) == expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("category", [("Technical", 1, 3), ("Operations", 0, 1)]),
        ("service", [("catalog", 0, 1), ("orders", 1, 2), ("Not measured", 0, 1)]),
        ("owner", [("Engineer", 0, 1), ("No owner", 1, 3)]),
    ],
)
def test_groups_count_what_is_met(listed: list[Standing], group: str, expected: list[tuple[str, int, int]]) -> None:
    assert [(one.title, one.met, len(one.rows)) for one in grouped(listed, Choice(group=group))] == expected


def test_a_stale_figure_keeps_its_way(listed: list[Standing]) -> None:
    assert [way_of(one) for one in listed] == [1.25, 0.5, 0.25, None]


@pytest.mark.parametrize(
    ("across", "subjects", "expected"),
    [
        ("worst", ["a"], "a"),
        ("worst", ["a", "b"], "b is worst of 2"),
        ("sum", ["a", "b"], "sum of series of 2"),
        ("sum", [], ""),
    ],
)
def test_a_row_says_whose_figure_it_shows(across: str, subjects: list[str], expected: str) -> None:
    kpi = make_kpi(across=across)
    for number, subject in enumerate(subjects):
        record_values(kpi, [400.0 + number], subject=subject)
    assert source_of(standings([kpi], now=NOW)[0]) == expected
