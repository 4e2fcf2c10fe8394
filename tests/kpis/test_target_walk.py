"""From 500 to 450: proposed, decided by somebody else, in force from then on, and told."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from kpis.commitments import approved, holding
from kpis.history import versions
from kpis.models import KPI, KpiState, Measurement, Target
from kpis.report import report
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
PAGE = "/scorecards/plan/latency/"
API = "/api/v1/kpis/plan/latency/"


@pytest.fixture
def kpi() -> KPI:
    kpi = make_kpi("latency", scorecard=make_scorecard("plan"), freshness_s=86400)
    make_target(kpi, baseline=800, alert_threshold=1000, effective_from=timezone.now() - timedelta(days=1))
    record_values(kpi, [480.0] * 3, until=timezone.now() - timedelta(minutes=1))
    return kpi


def by_page(client: Client) -> Any:
    return client.post(
        f"{PAGE}targets/", {"target": "< 450", "alert_threshold": "900", "baseline": "800", "rationale": "Hold it."}
    )


def by_api(client: Client) -> Any:
    sent = {"target": "< 450", "alert_threshold": 900, "baseline": 800, "rationale": "Hold it."}
    return client.post(f"{API}targets/", json.dumps(sent), content_type="application/json")


def send_result(client: Client, started_at: datetime) -> dict[str, Any]:
    sample = {"name": "bench", "kpi": "latency", "value": 480, "unit": "ms"}
    where = f"/api/v1/results/?started_at={started_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    answer = client.post(
        where, json.dumps({"milepost": 1, "samples": [sample]}), content_type="application/x-www-form-urlencoded"
    )
    found: dict[str, Any] = answer.json()["objectives"][0]
    return found


@pytest.mark.parametrize("propose", [by_page, by_api])
def test_from_500_to_450(kpi: KPI, people: People, log_in: Callable[..., Client], propose: Callable[[Client], Any]) -> None:
    asker, decider = log_in(people.approver), log_in(people.administrator)
    assert propose(asker).status_code in (201, 302)
    version = kpi.targets.get(number=2)
    assert asker.post(f"/api/v1/targets/{version.pk}/approve/").status_code == 409
    asker.post(f"/targets/{version.pk}/decide/", {"decision": "approve"})
    assert Target.objects.get(pk=version.pk).decision == "proposed"
    assert KpiState.objects.get(kpi=kpi).status == "met"
    decider.post(f"/targets/{version.pk}/decide/", {"decision": "approve", "note": "It holds."})
    assert KpiState.objects.get(kpi=kpi).status == "behind"
    told = decider.get(PAGE).content.decode()
    for words in ("&lt; 500 ms", "&lt; 450 ms, 10 % tighter", "Hold it.", "“It holds.”", "typed as"):
        assert words in told
    story = AuditEntry.objects.filter(action__startswith="target.").order_by("pk").values_list("action", "actor__username", "why")
    assert list(story) == [
        ("target.propose", "approver", "Hold it."),
        ("target.approved", "administrator", "It holds."),
    ]
    approved = AuditEntry.objects.get(action="target.approved")
    assert (approved.before["target"], approved.after["target"]) == ("< 500", "< 450")


def test_old_points_stay_judged_by_500(kpi: KPI, people: People, log_in: Callable[..., Client], as_engineer: Client) -> None:
    by_page(log_in(people.approver))
    version = kpi.targets.get(number=2)
    log_in(people.administrator).post(f"/targets/{version.pk}/decide/", {"decision": "approve"})
    version.refresh_from_db()
    assert version.effective_from is not None
    now = timezone.now()
    held = versions(kpi, start=now - timedelta(hours=1), end=now)
    assert [(one.target.value, one.end) for one in held] == [(500, version.effective_from), (450, now)]
    drawn = next(line for line in report(kpi, span="1h", now=now).chart["lines"] if line["kind"] == "target")
    assert [value for _, value in drawn["points"]] == [500, 500, 450, 450]
    now = timezone.now()
    told = [send_result(as_engineer, at) for at in (version.effective_from - timedelta(seconds=30), now)]
    assert [(one["target_version"], one["status"]) for one in told] == [(2, "behind")] * 2, "a job names no softer time"
    stored = Measurement.objects.filter(origin__startswith="result:").order_by("at").values_list("at", flat=True)
    versions_then = approved([kpi.pk])
    held_then = [holding(list(versions_then), at) for at in stored]
    assert [one.number for one in held_then if one] == [1, 2]


def test_two_versions_that_take_effect_later(kpi: KPI, people: People, log_in: Callable[..., Client]) -> None:
    asker, decider = log_in(people.approver), log_in(people.administrator)
    now = timezone.now()
    for days, value in ((20, 400), (10, 450)):
        sent = {"target": f"< {value}", "effective_from": (now + timedelta(days=days)).isoformat()}
        pk = asker.post(f"{API}targets/", json.dumps(sent), content_type="application/json").json()["id"]
        decider.post(f"/api/v1/targets/{pk}/approve/")
    held = versions(kpi, start=now, end=now + timedelta(days=30))
    assert [one.target.value for one in held] == [500, 450, 400]
    assert KpiState.objects.get(kpi=kpi).status == "met"
    assert decider.get(PAGE).content.decode().count("In force later") == 2


def test_self_approval_is_told_in_the_history(kpi: KPI, as_approver: Client, settings: Any) -> None:
    settings.ALLOW_SELF_APPROVAL = True
    by_page(as_approver)
    version = kpi.targets.get(number=2)
    as_approver.post(f"/targets/{version.pk}/decide/", {"decision": "approve"})
    assert AuditEntry.objects.get(action="target.approved").after["self_approved"] is True
    assert "(their own)" in as_approver.get(PAGE).content.decode()


def test_overtaken_proposal_is_told_and_approved_nowhere(
    kpi: KPI, people: People, log_in: Callable[..., Client], as_engineer: Client
) -> None:
    asker, decider = log_in(people.approver), log_in(people.administrator)
    for _ in range(2):
        by_api(asker)
    older, newer = kpi.targets.filter(number__gt=1).order_by("number")
    assert decider.post(f"/api/v1/targets/{newer.pk}/approve/").status_code == 200
    for url in (PAGE, "/approvals/"):
        page = decider.get(url).content.decode()
        assert ("Version 3, proposed later, is approved already" in page, 'value="approve"' in page) == (True, False)
    assert "overtaken by version 3" in decider.get("/admin/kpis/target/").content.decode()
    decider.post(f"/targets/{older.pk}/decide/", {"decision": "approve"})
    assert decider.post(f"/api/v1/targets/{older.pk}/approve/").status_code == 409
    decider.post("/admin/kpis/target/", {"action": "approve", "_selected_action": [older.pk]})
    older.refresh_from_db()
    assert older.decision == "proposed"


def test_difference_that_was_looked_at_is_the_one_that_is_approved(
    kpi: KPI, people: People, log_in: Callable[..., Client]
) -> None:
    asker, decider = log_in(people.approver), log_in(people.administrator)
    for _ in range(2):
        by_api(asker)
    first, second = kpi.targets.filter(number__gt=1).order_by("number")
    decider.post(f"/api/v1/targets/{first.pk}/approve/", {"seen": 1}, content_type="application/json")
    late = decider.post(f"/api/v1/targets/{second.pk}/approve/", {"seen": 1}, content_type="application/json")
    assert (late.status_code, "Version 2 is in force by now" in late.json()["detail"]) == (409, True)
    decider.post(f"/targets/{second.pk}/decide/", {"decision": "approve", "seen": "1"})
    second.refresh_from_db()
    assert second.decision == "proposed"
    assert 'name="seen" value="2"' in decider.get(PAGE).content.decode()


def test_approver_is_told_what_takes_over_later(kpi: KPI, people: People, log_in: Callable[..., Client]) -> None:
    """A version that was approved for a later day takes over from whatever is approved meanwhile: nobody is surprised by it."""
    asker, decider = log_in(people.approver), log_in(people.administrator)
    day = timezone.now() + timedelta(days=20)
    sent = {"target": "< 480", "effective_from": day.isoformat()}
    pk = asker.post(f"{API}targets/", json.dumps(sent), content_type="application/json").json()["id"]
    decider.post(f"/api/v1/targets/{pk}/approve/")
    by_api(asker)
    told = f"as soon as it is approved, until version 2 takes over on {day:%-d %b %Y}"
    assert [told in decider.get(url).content.decode() for url in (PAGE, "/approvals/")] == [True, True]
    assert f"version 2 takes over on {day:%-d %b %Y}" in decider.get("/admin/kpis/target/").content.decode()
