from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest
import yaml

from accounts.models import User
from roadmap import loading, rehearsing
from roadmap.models import BenefitKpi, CostEntry, Gate, GateWaiver, Phase, Risk, RiskTrigger, Roadmap, Task
from tests.roadmap.factories import FIXTURES, NOW, START, source

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((FIXTURES / "demo.yaml").read_text(encoding="utf-8"))
    for person in data["people"]:
        User.objects.create(username=person["username"])
    loading.load(source(), now=NOW, starts_on=rehearsing.start_of(data, NOW.date()))
    return data


def test_demo_stands_in_week_8(demo: dict[str, Any]) -> None:
    assert rehearsing.start_of(demo, NOW.date()) == START


def test_rehearsal_is_marked_as_demo_data(demo: dict[str, Any]) -> None:
    assert rehearsing.rehearse(demo, now=NOW)
    assert Roadmap.objects.get().demo
    assert Task.objects.filter(state="done").count() == 12
    assert set(Task.objects.exclude(state="to_do").values_list("state_note", flat=True)) == {"Demo data"}
    for model in (CostEntry, BenefitKpi, RiskTrigger):
        assert set(model.objects.values_list("demo", flat=True)) == {True}
    assert all(waiver.reason.startswith("Demo data") for waiver in GateWaiver.objects.all())


def test_rehearsal_fills_what_the_document_does_not_state(demo: dict[str, Any]) -> None:
    rehearsing.rehearse(demo, now=NOW)
    plan = Roadmap.objects.get()
    assert (plan.discount_rate, plan.state, plan.members.count()) == (D("0.08"), "active", 6)
    assert Phase.objects.get(number=1).finished_on == date(2026, 10, 10)
    assert Gate.objects.get(phase__number=1).closed_as == "waived"
    assert Risk.objects.get(key="memory-leak").triggers.get().kpi.key == "memory-usage"


def test_second_rehearsal_does_nothing(demo: dict[str, Any]) -> None:
    rehearsing.rehearse(demo, now=NOW)
    entries = CostEntry.objects.count()
    assert not rehearsing.rehearse(demo, now=NOW)
    assert CostEntry.objects.count() == entries


def test_loading_the_plan_again_keeps_the_rehearsal(demo: dict[str, Any]) -> None:
    rehearsing.rehearse(demo, now=NOW)
    receipt = loading.load(source(), now=NOW)
    assert (receipt.created, receipt.changed) == ([], [])
    assert Roadmap.objects.get().discount_rate == D("0.08")


def test_nothing_lies_in_the_future(demo: dict[str, Any]) -> None:
    Roadmap.objects.update(starts_on=NOW.date())
    rehearsing.rehearse(demo, now=NOW)
    assert not Task.objects.exclude(state="to_do").exists()
    assert not CostEntry.objects.exists()
