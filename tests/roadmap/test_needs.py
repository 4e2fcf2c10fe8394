from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kpis.models import KPI, Decision
from roadmap.reports.overview import overview
from tests.kpis.factories import make_target
from tests.roadmap.factories import NOW, load_source, make_kpi, make_phase, make_roadmap, make_task

pytestmark = pytest.mark.django_db


def test_overdue_reviews_of_kpis_need_somebody(as_viewer: Client) -> None:
    load_source()
    first, second = KPI.objects.order_by("pk")[:2]
    today = timezone.now().date()
    KPI.objects.filter(pk=first.pk).update(review_rule="FREQ=YEARLY", review_from=today - timedelta(days=3))
    KPI.objects.filter(pk=second.pk).update(review_rule="FREQ=YEARLY", review_from=today)
    told = as_viewer.get("/").content.decode()
    assert f"Review of {first.name} is overdue" in told
    assert "three days" in told
    assert f"Review of {second.name} is overdue" not in told


def test_the_headline_says_what_the_list_has() -> None:
    phase = make_phase(make_roadmap(), week_from=7, week_to=9)
    for _ in range(5):
        make_task(phase, state="blocked")
    make_target(make_kpi(phase.roadmap.scorecard), decision=Decision.PROPOSED)
    report = overview(phase.roadmap, now=NOW)
    assert report.headline.endswith(", and five tasks are blocked and one proposal waits for approval.")
    assert [(line.need, line.number) for line in report.needs] == [
        ("unmeasured", 1), ("blocked", 1), ("blocked", 1), ("blocked", 1), ("blocked", 2), ("decision", 1),
    ]  # fmt: skip
    assert report.needs[4].text == "Two more tasks are blocked"


def test_the_headline_of_a_quiet_list() -> None:
    report = overview(make_phase(make_roadmap()).roadmap, now=NOW)
    assert (report.headline, report.needs) == ("The plan has no tasks yet; nothing waits for you.", ())
