import re
from datetime import timedelta

import pytest
from django.utils import timezone

from kpis.evaluation import Status
from kpis.sparklines import sparklines
from kpis.standing import Standing, standing
from kpis.templatetags.kpi_tags import (
    LOOKS,
    change_percent,
    commitment,
    origin,
    signed,
    since,
    sparkline,
    status_bar,
    status_chip,
    way_bar,
)
from tests.kpis.factories import NOW, make_kpi, make_target, record_values


@pytest.mark.parametrize("status", list(Status))
def test_a_status_has_an_icon_and_a_word(status: Status) -> None:
    name, word = LOOKS[status]
    told = status_chip(status)
    assert word in told
    assert f'#tabler-{name}"' in told
    assert ("s-met" in told) == (status == Status.MET)
    assert ("fill" in told) == (status == Status.BREACHED)


def test_a_waiver_stands_beside_the_measured_status() -> None:
    told = status_chip(Status.BREACHED, waived_until=NOW)
    assert told.index("Breached") < told.index("waived until 2 Mar")


def stood(values: list[float], *, baseline: float | None = 800, old: timedelta = timedelta(0)) -> Standing:
    kpi = make_kpi(aggregation="last")
    make_target(kpi, baseline=baseline)
    if values:
        record_values(kpi, values, until=NOW - old)
    return standing(kpi, now=NOW)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "baseline", "old", "label", "drawn"),
    [
        ([650], 800, timedelta(0), "50 % of the way", 'class="w-fill" x="36.0" y="7" width="64.0"'),
        ([1100], 800, timedelta(0), "−100 % of the way", 'class="w-fill" x="3" y="7" width="33.0"'),
        ([650], 800, timedelta(days=9), "50 % of the way", 'class="w-hatch"'),
        ([], 800, timedelta(0), "nothing measured", 'class="w-none"'),
        ([650], None, timedelta(0), "no baseline stated", 'class="w-none"'),
    ],
)
def test_a_way_bar(values: list[float], baseline: float | None, old: timedelta, label: str, drawn: str) -> None:
    told = way_bar(stood(values, baseline=baseline, old=old))
    assert label in told
    assert drawn in told
    assert "style=" not in told


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "baseline", "ticks", "lacks"),
    [
        ([], 800, ["w-base", "w-target"], "nothing measured"),
        ([650], None, ["w-target"], "no baseline stated"),
        ([], None, ["w-target"], "nothing measured, no baseline stated"),
    ],
)
def test_no_way_has_only_the_ends_that_are_stated(values: list[float], baseline: float, ticks: list[str], lacks: str) -> None:
    told = way_bar(stood(values, baseline=baseline))
    assert re.findall(r'class="(w-\w+)"', told) == ["w-none", *ticks]
    assert f'aria-label="no way to draw: {lacks}"' in told


@pytest.mark.django_db
def test_a_kpi_without_a_target_has_neither_scale_nor_zones() -> None:
    kpi = make_kpi(aggregation="last")
    record_values(kpi, [650])
    told = way_bar(standing(kpi, now=NOW))
    assert re.findall(r'class="(w-\w+)"', told) == ["w-none"]
    assert "no target in force" in told


@pytest.mark.django_db
def test_no_data_draws_no_fill_and_no_mark() -> None:
    told = way_bar(stood([]))
    assert "s-no_data" in told
    assert "w-fill" not in told
    assert "w-mark" not in told


@pytest.mark.django_db
def test_a_sparkline_says_its_ends_and_needs_two_points() -> None:
    stands = stood([700, 650])
    told = sparkline([(NOW - timedelta(days=1), 700), (NOW, 650)], stands)
    assert 'aria-label="from 700 to 650"' in told
    assert "<line" in told
    assert "<svg" not in sparkline([(NOW, 650)], stands)


@pytest.mark.django_db
def test_a_sparkline_that_was_past_its_target_ends_where_it_is_met() -> None:
    kpi = make_kpi(aggregation="max", window_s=60)
    make_target(kpi, value=500)
    record_values(kpi, [700, 900], step_s=3600, until=NOW - timedelta(minutes=40))
    record_values(kpi, [450], until=NOW - timedelta(minutes=1))
    stands = standing(kpi, now=NOW)
    lines = sparklines([kpi], now=NOW)
    assert (stands.status, [value for _, value in lines[kpi.pk]]) == ("met", [700, 900])
    assert 'aria-label="from 700 to 450"' in sparkline(lines[kpi.pk], stands)


def test_a_status_bar_counts_every_status_apart() -> None:
    told = status_bar({"met": 2, "stale": 1, "no_data": 1}, "/scorecards/plan/")
    assert told.count("<rect") == 3
    for status, word, count in (("met", "Met", 2), ("stale", "Stale", 1), ("no_data", "No data", 1)):
        assert f'href="/scorecards/plan/?show={status}"' in told
        assert f"{word}</span> {count}" in told
    assert "Breached" not in told
    assert "<a " not in status_bar({"met": 2})


@pytest.mark.django_db
@pytest.mark.parametrize(("comparator", "text"), [("<", "< 500"), ("<=", "≤ 500"), (">=", "≥ 500"), (">", "> 500")])
def test_a_commitment(comparator: str, text: str) -> None:
    assert commitment(make_target(make_kpi(), comparator)) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("run:17", '<a class="lk" href="/runs/17/">run 17</a>'),
        ("result:887556a5-2b89", '<a class="lk" href="/results/887556a5-2b89/">CI result 887556a5</a>'),
        ("api:ci", "the API, token ci"),
        ("manual:engineer", "hand, by engineer"),
        ("run:", "run:"),
        ("<b>", "&lt;b&gt;"),
        ("", "not stated"),
    ],
)
def test_an_origin_leads_to_where_a_figure_came_from(text: str, told: str) -> None:
    assert origin(text) == told


def test_changes_carry_their_sign() -> None:
    assert [signed(value) for value in (1.5, -2.0, 0.0)] == ["+1.5", "−2", "0"]
    assert [change_percent(share) for share in (0.1, -0.0721, None)] == ["+10 %", "−7.2 %", "—"]


def test_since_names_the_time_only_while_it_is_near() -> None:
    now = timezone.now()
    assert since(now) == f"{now:%-d %b %H:%M}"
    assert since(now - timedelta(days=5)) == f"{now - timedelta(days=5):%-d %b}"
