from datetime import UTC, datetime, timedelta

import pytest

from roadmap import gates
from roadmap.gates import Criterion, GateState

NOW = datetime(2026, 11, 19, tzinfo=UTC)
HOLDS = gates.tasks_criterion(3, 3)
FAILS = gates.tasks_criterion(1, 3)


def judge(*criteria: Criterion, ended: bool = False, waived_until: datetime | None = None) -> gates.GateJudgement:
    return gates.judge(criteria, ended=ended, waived_until=waived_until, now=NOW)


def test_passed_when_every_criterion_holds() -> None:
    assert (judge(HOLDS).state, judge(HOLDS).may_close) == (GateState.PASSED, True)


@pytest.mark.parametrize(("ended", "state"), [(False, GateState.OPEN), (True, GateState.FAILED)])
def test_missing_criterion_fails_once_the_phase_ended(ended: bool, state: GateState) -> None:
    found = judge(HOLDS, FAILS, ended=ended)
    assert (found.state, found.may_close, found.missing) == (state, False, (FAILS,))
    assert found.reason == "Every task is done or dropped: 2 of 3 not done"


def test_waiver_lets_it_close_until_it_expires() -> None:
    tomorrow = NOW + timedelta(days=1)
    found = judge(FAILS, ended=True, waived_until=tomorrow)
    assert (found.state, found.may_close, found.waived_until) == (GateState.WAIVED, True, tomorrow)
    assert judge(FAILS, ended=True, waived_until=NOW).state == GateState.FAILED


@pytest.mark.parametrize(
    ("status", "holds"),
    [
        ("met", True),
        ("behind", False),
        ("on_track", False),
        ("breached", False),
        ("stale", None),
        ("no_data", None),
        ("no_target", None),
    ],
)
def test_kpi_holds_only_when_met(status: str, holds: bool | None) -> None:
    criterion = gates.kpi_criterion(kpi="p95", name="Response time", status=status)
    assert criterion.holds is holds
    assert judge(criterion).state == (GateState.PASSED if holds else GateState.OPEN)


def test_waived_kpi_does_not_count() -> None:
    assert judge(gates.kpi_criterion(kpi="p95", name="P95", status="behind", waived=True)).state == GateState.PASSED


def test_statement_waits_for_a_person() -> None:
    assert gates.statement_criterion("No leaks", confirmed=False).reason == "not confirmed by a person"
    assert gates.statement_criterion("No leaks", confirmed=True).holds is True
