"""What the plan tells the charts of KPIs."""

from __future__ import annotations

from datetime import date

import pytest

from roadmap.moments import moments
from tests.roadmap.factories import NOW, make_impact, make_kpi, make_phase, make_task

pytestmark = pytest.mark.django_db


def test_moments_of_a_kpi_that_a_phase_promises() -> None:
    phase = make_phase(name="Caching", started_on=date(2026, 10, 12))
    kpi = make_kpi(phase.roadmap.scorecard)
    make_impact(phase, kpi=kpi)
    make_task(phase, title="Warm the cache", state="done", state_changed_at=NOW)
    make_task(phase, title="Not done yet")
    assert moments(kpi) == {
        "phases": [{"from": "2026-10-12", "to": None, "text": "phase 1, Caching"}],
        "tasks": [{"at": int(NOW.timestamp() * 1000), "text": "Warm the cache"}],
    }


def test_moments_leave_out_tasks_that_do_not_concern_the_kpi() -> None:
    phase = make_phase()
    make_task(phase, state="done", state_changed_at=NOW)
    assert moments(make_kpi(phase.roadmap.scorecard)) == {"phases": [], "tasks": []}
