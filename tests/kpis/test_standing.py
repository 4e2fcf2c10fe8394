from datetime import datetime, timedelta

import pytest

from accounts.models import User
from kpis.evaluation import Status
from kpis.models import KPI, Decision, Waiver
from kpis.points import Point
from kpis.recording import record
from kpis.sparklines import sparklines
from kpis.standing import counts, headline, standing, standings
from tests.kpis.factories import NOW, latency_point, make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def test_worst_series_decides_and_is_named() -> None:
    kpi = make_kpi()
    make_target(kpi, "<", 500)
    record_values(kpi, [100], subject="fast")
    record_values(kpi, [700], subject="slow")
    found = standing(kpi, now=NOW)
    assert (found.status, found.actual, found.worst_subject) == (Status.BEHIND, 700, "slow")


def test_one_stale_series_makes_the_kpi_stale_and_is_named() -> None:
    kpi = make_kpi(freshness_s=60)
    make_target(kpi, "<", 500)
    record_values(kpi, [100], subject="fresh")
    record_values(kpi, [100], subject="silent", until=NOW - timedelta(minutes=5))
    found = standing(kpi, now=NOW)
    assert (found.status, found.stale_subjects) == (Status.STALE, ("silent",))


def test_ci_result_counts_only_while_nothing_else_measures() -> None:
    kpi = make_kpi(freshness_s=60)
    make_target(kpi, "<", 500)
    record([Point(kpi=kpi, subject="ci", at=NOW - timedelta(hours=5), value=900, origin="result:x")], now=NOW)
    assert standing(kpi, now=NOW).status == Status.STALE
    record_values(kpi, [100], subject="live")
    assert standing(kpi, now=NOW).status == Status.MET


def test_merged_percentile_over_services() -> None:
    kpi = make_kpi(aggregation="p95", across="merged")
    record([latency_point(kpi, [10.0] * 960, NOW, subject="a"), latency_point(kpi, [1000.0] * 40, NOW, subject="b")], now=NOW)
    assert standing(kpi, now=NOW).actual == pytest.approx(10, rel=0.002)


@pytest.mark.parametrize(("across", "expected"), [("worst", 300), ("mean", 200), ("sum", 400), ("named", 100)])
def test_several_series_become_one_figure(across: str, expected: float) -> None:
    kpi = make_kpi(across=across, across_subject="a")
    record_values(kpi, [100], subject="a")
    record_values(kpi, [300], subject="b")
    assert standing(kpi, now=NOW).actual == expected


def test_old_target_stops_judging_when_a_newer_one_takes_effect() -> None:
    kpi = make_kpi()
    make_target(kpi, "<", 500)
    make_target(kpi, "<", 50, effective_from=NOW + timedelta(hours=1))
    record_values(kpi, [100])
    assert standing(kpi, now=NOW).status == Status.MET
    assert standing(kpi, now=NOW + timedelta(hours=1)).status == Status.BEHIND


def test_proposed_target_is_never_green() -> None:
    kpi = make_kpi()
    make_target(kpi, "<", 500, decision=Decision.PROPOSED)
    record_values(kpi, [100])
    assert standing(kpi, now=NOW).status == Status.NO_TARGET


def test_waiver_is_an_overlay_that_ends_by_itself() -> None:
    kpi = make_kpi()
    make_target(kpi, "<", 500)
    record_values(kpi, [700])
    user = User.objects.create(username="approver")
    until = NOW + timedelta(minutes=30)
    Waiver.objects.create(
        kpi=kpi, reason="r", expires_at=until, decision=Decision.APPROVED, requested_by=user, decided_at=NOW - timedelta(days=1)
    )
    found = standing(kpi, now=NOW)
    assert (found.status, found.waived_until) == (Status.BEHIND, until)
    assert counts([found])["waived"] == 1
    assert standing(kpi, now=until).waived_until is None


def waive(kpi: KPI, subject: str, until: datetime) -> None:
    user = User.objects.get_or_create(username="approver")[0]
    Waiver.objects.create(
        kpi=kpi, subject=subject, reason="r", expires_at=until, decision=Decision.APPROVED, requested_by=user, decided_at=NOW
    )


def test_a_disabled_series_is_no_part_of_the_figure_nor_stale() -> None:
    kpi = make_kpi(freshness_s=60)
    make_target(kpi, "<", 500)
    record_values(kpi, [100], subject="fresh")
    record_values(kpi, [900], subject="silent", until=NOW - timedelta(minutes=5))
    kpi.series.filter(subject="silent").update(enabled=False)
    found = standing(kpi, now=NOW)
    assert (found.status, found.stale_subjects, len(found.series)) == (Status.MET, (), 1)
    kpi.series.update(enabled=False)
    assert standing(kpi, now=NOW).status == Status.NO_DATA


def test_a_named_series_of_ci_is_followed_beside_live_ones() -> None:
    kpi = make_kpi(across="named", across_subject="ci", aggregation="last")
    make_target(kpi, "<", 500, alert_threshold=1000, recover_s=3600)
    record_values(kpi, [100], subject="live")
    bad, good = (
        Point(kpi=kpi, subject="ci", at=NOW - timedelta(minutes=m), value=v, origin=f"result:{m}") for m, v in ((9, 1100), (1, 1))
    )
    record([bad, good], now=NOW)
    assert standing(kpi, now=NOW).status == Status.BREACHED


def test_a_named_series_has_a_sparkline_and_ci_is_no_part_of_it() -> None:
    named = make_kpi(across="named", across_subject="a")
    for subject, value in (("a", 100), ("b", 300)):
        record_values(named, [value], subject=subject)
    live = make_kpi()
    record_values(live, [100], subject="a")
    record([Point(kpi=live, subject="ci", at=NOW, value=900, origin="result:x")], now=NOW)
    lines = sparklines([named, live], now=NOW)
    assert [[value for _, value in lines[kpi.pk]] for kpi in (named, live)] == [[100], [100]]


def test_days_can_be_asked_for_however_young_the_measurements_are() -> None:
    kpi = make_kpi()
    record_values(kpi, [100, 300], step_s=3600)
    assert [value for _, value in sparklines([kpi], now=NOW, resolution="day")[kpi.pk]] == [200]


def test_headline_hides_no_absence() -> None:
    scorecard = make_scorecard()
    met, silent = make_kpi(scorecard=scorecard), make_kpi(scorecard=scorecard)
    for kpi in (met, silent):
        make_target(kpi, "<", 500)
    record_values(met, [1])
    assert headline(standings([met, silent], now=NOW)) == "1 of 2 targets are met, 1 has no data."
    open_ended = make_kpi(scorecard=scorecard)
    record_values(open_ended, [1])
    waive(silent, "", NOW + timedelta(hours=1))
    said = headline(standings([met, silent, open_ended], now=NOW))
    assert said == "1 of 2 targets are met, 1 has no target, 1 is waived."


@pytest.mark.parametrize("how_many", [1, 30])
def test_queries_do_not_grow_with_kpis(how_many: int, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    scorecard = make_scorecard()
    for _ in range(how_many):
        kpi, merged = make_kpi(scorecard=scorecard), make_kpi(scorecard=scorecard, across="merged")
        make_target(kpi)
        record_values(kpi, [1, 2, 3])
        record_values(merged, [1, 2, 3])
    with django_assert_num_queries(5):
        assert len(standings(KPI.objects.all(), now=NOW)) == 2 * how_many
    with django_assert_num_queries(7):  # three for days, and for hours since all are young
        assert len(sparklines(KPI.objects.all(), now=NOW)) == 2 * how_many
