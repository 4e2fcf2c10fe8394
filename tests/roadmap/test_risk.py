from datetime import UTC, date, datetime

import pytest

from roadmap import risk
from roadmap.risk import Placement, Trigger

TODAY = date(2026, 11, 19)
SINCE = datetime(2026, 11, 18, 22, 10, tzinfo=UTC)


def judge(**given: object) -> risk.Judgement:
    shape = {"inherent": Placement(3, 4), "residual": None, "status": "open", "triggers": [], "today": TODAY}
    return risk.judge(**{**shape, **given})


@pytest.mark.parametrize(
    ("score", "level"),
    [(1, "low"), (4, "low"), (5, "medium"), (9, "medium"), (10, "high"), (16, "high"), (17, "critical"), (25, "critical")],
)
def test_levels(score: int, level: str) -> None:
    assert risk.level(score) == level


@pytest.mark.parametrize("score", [0, 26])
def test_level_refuses_what_is_no_score(score: int) -> None:
    with pytest.raises(ValueError, match="1…25"):
        risk.level(score)


def test_placement_is_none_where_not_stated() -> None:
    assert risk.placement(None, 4) is None
    assert risk.placement(3, 4).score == 12
    with pytest.raises(ValueError, match="1…5"):
        risk.placement(6, 1)


def test_current_is_residual_else_inherent() -> None:
    assert judge().current == Placement(3, 4)
    assert judge(residual=Placement(2, 4)).current == Placement(2, 4)


def test_breached_kpi_triggers_at_likelihood_5() -> None:
    hit = Trigger(kpi="db", name="Database", breached_since=SINCE)
    found = judge(residual=Placement(2, 4), triggers=[hit, Trigger(kpi="cpu", name="CPU")])
    assert (found.current, found.level, found.status) == (Placement(5, 4), "critical", "triggered")
    assert (found.triggered_since, found.triggered_by) == (SINCE, (hit,))


def test_recovered_kpi_lets_it_fall_back() -> None:
    found = judge(residual=Placement(2, 4), triggers=[Trigger(kpi="db", name="Database")])
    assert (found.current, found.status, found.triggered) == (Placement(2, 4), "open", False)


def test_closed_risk_listens_to_nothing() -> None:
    assert not judge(status="closed", triggers=[Trigger(kpi="db", name="Database", breached_since=SINCE)]).triggered


@pytest.mark.parametrize(("review_on", "overdue"), [(None, False), (date(2026, 11, 19), False), (date(2026, 11, 18), True)])
def test_review_overdue(review_on: date | None, overdue: bool) -> None:
    assert judge(review_on=review_on).review_overdue is overdue


@pytest.mark.parametrize(("stated", "agrees"), [("high", True), ("medium", False), ("", None)])
def test_stated_level_is_compared(stated: str, agrees: bool | None) -> None:
    assert judge(stated_level=stated).agrees_with_stated is agrees
