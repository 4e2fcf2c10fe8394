from datetime import timedelta
from typing import Any

import pytest

from kpis.headlines import kpi_headline, kpi_lede, scorecard_headline, scorecard_lede, submission_headline
from kpis.standing import standing, standings
from tests.kpis.factories import NOW, make_kpi, make_scorecard, make_target, record_values


def told(values: list[float], *, until: timedelta = timedelta(0), **target: Any) -> tuple[str, str]:
    kpi = make_kpi(name="Response time", aggregation="last")
    make_target(kpi, **target)
    if values:
        record_values(kpi, values, until=NOW - until)
    found = standing(kpi, now=NOW)
    return kpi_headline(found).replace("\u00a0", " "), kpi_lede(found).replace("\u00a0", " ")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "target", "headline", "lede"),
    [
        ([588], {"baseline": 800}, "588 ms, short of the target.", "Down 26 % from 800 ms; 88 ms remain."),
        ([450], {"baseline": 800}, "450 ms, which meets the target.", "Down 44 % from 800 ms."),
        ([900], {"baseline": 800}, "900 ms, short of the target.", "Up 12 % from 800 ms; 400 ms remain."),
        ([800], {"baseline": 800}, "800 ms, short of the target.", "Still at the baseline; 300 ms remain."),
        (
            [1200],
            {"alert_threshold": 1000, "baseline": 800},
            "1,200 ms, past its alert line.",
            "Up 50 % from 800 ms; 700 ms remain.",
        ),
        ([600], {}, "600 ms, short of the target.", "No baseline is stated, so nothing says how far it has come; 100 ms remain."),
    ],
)
def test_a_kpi_says_where_it_stands(values: list[float], target: dict[str, Any], headline: str, lede: str) -> None:
    assert told(values, **target) == (f"Response time: {headline}", lede)


@pytest.mark.django_db
def test_a_difference_of_shares_is_told_in_points() -> None:
    kpi = make_kpi(name="Hit rate", aggregation="last", unit="%", direction="higher", metric="cache_hit_rate")
    make_target(kpi, ">=", 90, baseline=70)
    record_values(kpi, [48.2])
    lede = kpi_lede(standing(kpi, now=NOW)).replace("\u00a0", " ")
    assert lede == "Down 21.8 percentage points from 70 %; 41.8 percentage points remain."


@pytest.mark.django_db
def test_absence_is_said() -> None:
    assert told([])[0] == "Response time has never been measured."
    assert told([400], until=timedelta(days=2))[0] == "Response time: 400 ms, too old to judge."


@pytest.mark.django_db
def test_what_is_too_old_is_named_where_the_rest_is_not() -> None:
    kpi = make_kpi(name="Step", aggregation="last")
    make_target(kpi)
    for number, (subject, ago) in enumerate((("new", 0), ("old", 2), ("older", 3))):
        record_values(kpi, [400], subject=subject, until=NOW - timedelta(days=ago))
        found = standing(kpi, now=NOW)
        assert kpi_headline(found).replace("\u00a0", " ").partition(", ")[2] == (
            "which meets the target.", "not judged while old is too old.", "not judged while 2 series are too old."
        )[number]  # fmt: skip
    assert kpi_lede(found).startswith("A KPI is judged by all of its series")


@pytest.mark.django_db
def test_a_scorecard_without_targets_meets_none() -> None:
    kpis = [make_kpi(aggregation="last") for _ in range(2)]
    record_values(kpis[0], [400])
    assert scorecard_headline(standings(kpis, now=NOW)) == "No target is in force yet."
    make_target(kpis[0])
    assert scorecard_headline(standings(kpis, now=NOW)) == "One of 1 target is met."


@pytest.mark.django_db
def test_a_scorecard_counts_everything_apart() -> None:
    assert scorecard_headline([]) == "No KPIs yet."
    card = make_scorecard()
    for values, until, alert in (([400], 0, None), ([700], 0, None), ([1200], 0, 1000.0), ([400], 2, None), ([], 0, None)):
        kpi = make_kpi(scorecard=card, aggregation="last")
        make_target(kpi, alert_threshold=alert)
        if values:
            record_values(kpi, values, until=NOW - timedelta(days=until))
    found = standings(card.kpis.all(), now=NOW)
    assert scorecard_headline(found) == "One of 5 targets is met; one KPI is past the alert line."
    assert scorecard_lede(found) == "One is short of its target. One figure is too old to judge, one has never been measured."
    assert scorecard_headline(found[1:2]) == "None of 1 target is met."


@pytest.mark.parametrize(
    ("verdicts", "missing", "expected"),
    [
        ([], [], "No benchmark of this result maps to a KPI."),
        (["pass"], [], "1 of 1 objective passed."),
        (["pass", "fail", "error"], ["a"], "1 of 3 objectives passed, 2 failed, 1 expected benchmark did not come."),
    ],
)
def test_a_result_says_what_passed(verdicts: list[str], missing: list[str], expected: str) -> None:
    document = {"objectives": [{"verdict": verdict} for verdict in verdicts], "missing": missing}
    assert submission_headline(document) == expected
