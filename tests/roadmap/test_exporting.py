from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import yaml

from accounts.models import User
from kpis import defining
from kpis.models import Scorecard, Target
from roadmap import closing, document, editing, loading, working
from roadmap.exporting import export
from roadmap.models import Benefit, Cost, Gate, Impact, Risk, Roadmap, Task
from tests.roadmap.factories import NOW, START, load_source, source

pytestmark = pytest.mark.django_db


@pytest.fixture
def worked_in() -> Roadmap:
    """A plan that people have worked in."""
    plan, person = load_source(), User.objects.create(username="somebody")
    working.tick(task=Task.objects.get(key="indexes"), actor=person, now=NOW)
    editing.change(row=Task.objects.get(key="alerting"), changes={"assignee": person, "effort_planned_h": D("7.5")}, actor=person)
    editing.book(cost=Cost.objects.get(key="development"), amount=D("99.90"), booked_on=NOW.date(), actor=person)
    kpi = plan.scorecard.kpis.get(key="uptime")
    editing.rest_on(benefit=Benefit.objects.get(key="revenue"), weights={kpi: D("1.5")}, actor=person)
    editing.listen_to(risk=Risk.objects.get(key="memory-leak"), kpis=[kpi], actor=person)
    editing.confirm(impact=Impact.objects.get(key="leaks"), actor=person, now=NOW, evidence="Soak test")
    gate = Gate.objects.get(phase__number=1)
    closing.request_waiver(gate=gate, actor=person, reason="Later", expires_at=NOW + timedelta(days=9), now=NOW)
    return Roadmap.objects.get()


def erase(plan: Roadmap) -> None:
    Cost.objects.get(key="development").entries.all().delete()
    plan.delete()
    Target.objects.all().delete()
    scorecard = Scorecard.objects.get()
    scorecard.kpis.all().delete()
    scorecard.delete()


def test_export_of_what_was_loaded_is_the_source() -> None:
    found, wanted = export(load_source()), source()
    wanted.roadmap.starts_on = START
    assert found == wanted


def test_round_numbers_are_written_in_full() -> None:
    told = yaml.safe_load(document.write(export(load_source())))
    assert told["costs"][0]["amount"] == "24000"
    assert told["phases"][0]["impacts"][0]["change_pct"] == "-60"


def test_export_loads_back_as_the_same_plan(worked_in: Roadmap) -> None:
    told = document.write(export(worked_in))
    erase(worked_in)
    loading.load(document.read(told), now=NOW)
    assert document.write(export(Roadmap.objects.get())) == told


def test_an_archived_kpi_stays_at_home(worked_in: Roadmap) -> None:
    gate = Gate.objects.get(phase__number=1)
    for key in ("uptime", "response-time-p95"):
        kpi = worked_in.scorecard.kpis.get(key=key)
        gate.kpis.add(kpi)
        defining.archive(row=kpi, actor=None, now=NOW)
    told = document.write(export(worked_in))
    assert "key: uptime" not in told
    erase(worked_in)
    loading.load(document.read(told), now=NOW)
    assert not Scorecard.objects.get().kpis.filter(key__in=["uptime", "response-time-p95"]).exists()
    assert document.write(export(Roadmap.objects.get())) == told


def test_export_keeps_progress(worked_in: Roadmap) -> None:
    found = export(worked_in)
    tick = found.phases[0].tasks[1]
    assert (tick.state, tick.state_changed_by, tick.state_changed_at) == ("done", "somebody", NOW)
    assert found.costs[0].entries[0].amount == D("99.9")
    assert found.phases[0].gate.waivers[0].reason == "Later"


def test_export_asks_a_constant_number_of_queries(django_assert_num_queries: Any) -> None:
    plan = load_source()
    with django_assert_num_queries(20):
        export(plan)
