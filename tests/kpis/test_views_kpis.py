from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from kpis.models import KPI, Decision
from kpis.recording import record
from tests.factories import People
from tests.kpis.factories import latency_point, make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db
URL = "/scorecards/plan/response-time/"
PART = {"HX-Request": "true", "HX-Target": "kpi"}
PROPOSAL = {"target": "< 450", "alert_threshold": "900", "rationale": "Hold the gain."}


@pytest.fixture
def kpi() -> KPI:
    kpi = make_kpi("response-time", scorecard=make_scorecard("plan"), aggregation="p95", name="Response time")
    make_target(kpi, baseline=800, alert_threshold=1000, effective_from=timezone.now() - timedelta(days=1))
    return kpi


def test_an_unmeasured_kpi_says_what_to_do(kpi: KPI, as_engineer: Client) -> None:
    told = as_engineer.get(URL).content.decode()
    for expected in ("Response time has never been measured.", "Choose a service", "plan/response-time", "no data"):
        assert expected.casefold() in told.casefold()


def test_a_figure_says_its_unit_age_and_run(kpi: KPI, as_viewer: Client) -> None:
    record([latency_point(kpi, [500.0] * 20, timezone.now(), origin="run:17")], now=timezone.now())
    told = as_viewer.get(URL).content.decode()
    assert '<a class="lk" href="/runs/17/">run 17</a>' in told
    assert "0 s old" in told
    assert "<small>ms</small>" in told
    assert 'id="kpi-chart" type="application/json"' in told
    assert "The same 1 point as a table" in told


def test_only_the_part_that_renews_is_sent(kpi: KPI, as_viewer: Client) -> None:
    told = as_viewer.get(f"{URL}?range=7d", headers=PART)
    assert told.content.decode().lstrip().startswith(f'<div id="kpi" data-live="10" hx-get="{URL}?range=7d"')
    again = as_viewer.get(f"{URL}?range=7d", headers=PART | {"If-None-Match": told["ETag"]})
    assert again.status_code == 304


def test_a_course_without_news_is_not_sent_again(kpi: KPI, as_viewer: Client) -> None:
    record_values(kpi, [400.0, 410.0], until=timezone.now() - timedelta(hours=3))
    told = as_viewer.get(f"{URL}?range=30d", headers=PART)
    assert 'id="kpi-chart" type="application/json"' in told.content.decode()
    again = as_viewer.get(f"{URL}?range=30d", headers=PART | {"If-None-Match": told["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_before_and_after_are_compared(kpi: KPI, as_viewer: Client) -> None:
    end = timezone.now() - timedelta(minutes=1)
    shaken = [800 + 7 * index % 10 for index in range(10)]
    record_values(kpi, [*shaken, *(value - 200 for value in shaken)], until=end)
    told = as_viewer.get(URL, {"range": "24h"}).content.decode()
    for expected in ("Lower, better", "809 → 609", "−24.7 %", "95 % interval", "10 runs before", "10 from then on"):
        assert expected in told
    moment = f"{end - timedelta(minutes=2):%Y-%m-%dT%H:%M}"
    chosen = as_viewer.get(URL, {"range": "24h", "at": moment}).content.decode()
    assert "Fewer than 5 runs on a side" in chosen
    assert f'value="{moment}"' in chosen


def test_runs_that_follow_each_other_are_told(kpi: KPI, as_viewer: Client) -> None:
    record_values(kpi, [*range(800, 810), *range(600, 610)], until=timezone.now() - timedelta(minutes=1))
    told = as_viewer.get(URL, {"range": "24h"}).content.decode()
    for expected in ("Too early to tell", "The runs follow each other too closely: like 1 independent one"):
        assert expected in told


def test_a_change_of_a_share_is_told_as_relative(as_viewer: Client) -> None:
    hits = make_kpi("hits", scorecard=make_scorecard("plan"), aggregation="mean", unit="%")
    record_values(hits, [*range(70, 80), *range(40, 50)], until=timezone.now() - timedelta(minutes=1))
    assert "−40.3 % relative" in as_viewer.get("/scorecards/plan/hits/", {"range": "24h"}).content.decode()


def test_a_time_that_is_none_is_said_beside_its_field(kpi: KPI, as_viewer: Client) -> None:
    record_values(kpi, [400.0, 410.0], until=timezone.now())
    told = as_viewer.get(URL, {"at": "yesterday"})
    assert told.status_code == 200
    assert 'id="split_error"' in told.content.decode()


@pytest.mark.parametrize("span", ["1h", "24h", "7d", "30d", "all"])
def test_a_span_is_a_link(kpi: KPI, as_viewer: Client, span: str) -> None:
    record_values(kpi, [400.0, 410.0], until=timezone.now())
    told = as_viewer.get(URL, {"range": span}).content.decode()
    assert f'?range={span}" aria-current="true"' in told


def test_a_proposal_waits_for_somebody_else(kpi: KPI, people: People, as_engineer: Client, as_approver: Client) -> None:
    told = as_engineer.post(f"{URL}targets/", PROPOSAL, follow=True).content.decode()
    assert "Version 2 waits for approval" in told
    version = kpi.targets.get(number=2)
    assert (version.comparator, version.value, version.alert_threshold, version.decision) == ("<", 450, 900, "proposed")
    assert "Withdraw" in told
    assert 'value="approve"' not in told
    refused = as_approver.post(f"/targets/{version.pk}/decide/", {"decision": "approve", "seen": "9" * 5000}, follow=True)
    assert "look at the difference again" in refused.content.decode()
    decided = as_approver.post(f"/targets/{version.pk}/decide/", {"decision": "approve", "note": "yes"}, follow=True)
    assert "Version 2 is approved." in decided.content.decode()
    version.refresh_from_db()
    assert (version.decision, version.decided_by, version.decision_note) == (Decision.APPROVED, people.approver, "yes")
    assert AuditEntry.objects.filter(action="target.approved", actor=people.approver).count() == 1


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"target": "fast"}, "target", "is not a threshold"),
        ({"target": "> 450"}, "target", "lower is better"),
        ({"target": "p(99)<450"}, "target", "This KPI is told as p(95): write p(95)<450, or no name."),
        ({"target": "< 450 MB"}, "target", "cannot be converted"),
        ({"target": "< -5"}, "target", "never below 0 ms"),
        ({"effective_from": "2026-01-01T00:00"}, "effective_from", "write a later time"),
        ({"baseline": "-1"}, "baseline", "never below 0 ms"),
        ({"alert_threshold": "100"}, "alert_threshold", "bad side of the target"),
        ({"rationale": ""}, "rationale", "required"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    kpi: KPI, as_engineer: Client, changed: dict[str, Any], field: str, words: str
) -> None:
    answer = as_engineer.post(f"{URL}targets/", PROPOSAL | changed)
    assert answer.status_code == 422
    assert words in " ".join(answer.context["form"].errors[field])
    assert f'id="target-{field}_error"' in answer.content.decode()
    assert kpi.targets.count() == 1


def test_a_target_in_another_unit_is_converted(kpi: KPI, as_engineer: Client) -> None:
    as_engineer.post(f"{URL}targets/", PROPOSAL | {"target": "p(95) < 0.45 s"})
    assert kpi.targets.get(number=2).value == pytest.approx(450)


def test_a_relative_target_is_told_against_the_baseline(kpi: KPI, as_engineer: Client) -> None:
    as_engineer.post(f"{URL}targets/", PROPOSAL | {"target": "<= -50%", "baseline": "800"})
    version = kpi.targets.get(number=2)
    assert (version.comparator, version.value, version.typed) == ("<=", 400, "<= -50%")
    told = as_engineer.get(URL).content.decode()
    assert "typed as" in told
    assert "≤ 400" in told
    assert "&lt;= 400 ms, 20 % tighter" in told


def test_how_the_alert_behaves_is_proposed_and_stays_where_it_is_not_written(kpi: KPI, as_engineer: Client) -> None:
    as_engineer.post(f"{URL}targets/", PROPOSAL | {"severity": "critical", "for_min": "2.5", "recover_min": "10"})
    version = kpi.targets.get(number=2)
    assert (version.severity, version.for_s, version.recover_s) == ("critical", 150, 600)
    kpi.targets.filter(number=2).update(decision=Decision.APPROVED, effective_from=timezone.now())
    told = as_engineer.get(URL).content.decode()
    assert ('value="2.5"' in told, '<option value="critical" selected>' in told) == (True, True)
    as_engineer.post(f"{URL}targets/", PROPOSAL)
    kept = kpi.targets.get(number=3)
    assert (kept.severity, kept.for_s, kept.recover_s) == ("critical", 150, 600)


def test_a_baseline_is_measured_shown_and_proposed(kpi: KPI, as_engineer: Client) -> None:
    record_values(kpi, [600.0] * 5, until=timezone.now() - timedelta(minutes=1))
    start, end = timezone.now() - timedelta(hours=1), timezone.now()
    window = {"baseline_since": f"{start:%Y-%m-%dT%H:%M:%S}", "baseline_until": f"{end:%Y-%m-%dT%H:%M:%S}"}
    told = as_engineer.get(URL, window).content.decode()
    assert "95th percentile of 5 runs with 5 samples" in told
    refused = as_engineer.post(f"{URL}targets/", PROPOSAL | window | {"baseline": "1"})
    assert (refused.status_code, list(refused.context["form"].errors), kpi.targets.count()) == (422, ["baseline"], 1)
    assert "was measured over this window" in refused.content.decode()
    as_engineer.post(f"{URL}targets/", PROPOSAL | window | {"baseline_on": f"{end:%Y-%m-%d}"})
    version = kpi.targets.get(number=2)
    assert version.baseline == pytest.approx(600, rel=0.002)
    assert (version.baseline_runs, version.baseline_on) == (5, end.date())
    assert "Baseline stated as" in as_engineer.get(URL).content.decode()


def test_a_window_without_measurements_is_told_beside_it(kpi: KPI, as_engineer: Client) -> None:
    window = {"baseline_since": "2026-01-01T00:00", "baseline_until": "2026-01-02T00:00"}
    assert "Nothing was measured there" in as_engineer.get(URL, window).content.decode()
    assert as_engineer.post(f"{URL}targets/", PROPOSAL | window).status_code == 422
    assert kpi.targets.count() == 1


def test_an_unchanged_baseline_keeps_what_is_said_of_it(kpi: KPI, as_engineer: Client) -> None:
    kpi.targets.update(baseline_stated="700 to 900", baseline_runs=3)
    as_engineer.post(f"{URL}targets/", PROPOSAL | {"baseline": "800"})
    as_engineer.post(f"{URL}targets/", PROPOSAL | {"baseline": "750"})
    found = kpi.targets.order_by("number").values_list("baseline", "baseline_stated", "baseline_runs")
    assert list(found)[1:] == [(800, "700 to 900", 3), (750, "", None)]


def test_what_a_page_does_not_ask_for_is_kept(kpi: KPI, as_engineer: Client) -> None:
    kpi.targets.update(for_s=300, recover_s=600, severity="high")
    as_engineer.post(f"{URL}targets/", PROPOSAL)
    version = kpi.targets.get(number=2)
    assert (version.for_s, version.recover_s, version.severity) == (300, 600, "high")


def test_nobody_approves_what_they_proposed(kpi: KPI, people: People, as_approver: Client) -> None:
    as_approver.post(f"{URL}targets/", PROPOSAL)
    version = kpi.targets.get(number=2)
    told = as_approver.post(f"/targets/{version.pk}/decide/", {"decision": "approve"}, follow=True).content.decode()
    assert "Somebody other than the proposer approves a target." in told
    as_approver.post(f"/targets/{version.pk}/decide/", {"decision": "withdraw"})
    version.refresh_from_db()
    assert version.decision == Decision.WITHDRAWN


def test_who_may_not_is_told_who_may(kpi: KPI, as_viewer: Client, as_engineer: Client) -> None:
    assert as_viewer.post(f"{URL}targets/", PROPOSAL).status_code == 403
    version = kpi.targets.get()
    refused = as_engineer.post(f"/targets/{version.pk}/decide/", {"decision": "approve"})
    assert (refused.status_code, "approver" in refused.content.decode()) == (403, True)
    assert as_engineer.post(f"/targets/{version.pk}/decide/", {"decision": "burn"}).status_code == 404
    assert "Managers, engineers and approvers propose targets." in as_viewer.get(URL).content.decode()


@pytest.mark.parametrize("how_many", [1, 30])
def test_the_page_asks_the_same_number_of_queries(
    kpi: KPI, as_viewer: Client, how_many: int, django_assert_num_queries: Any
) -> None:
    record_values(kpi, [400.0] * how_many, until=timezone.now() - timedelta(minutes=1))
    as_viewer.get(URL, {"range": "24h"})
    with django_assert_num_queries(25):
        as_viewer.get(URL, {"range": "24h"})


def test_a_target_that_was_hardly_meant_is_doubted_until_it_is_gone(as_engineer: Client, as_approver: Client) -> None:
    kpi, doubt = make_kpi("sales", scorecard=make_scorecard("shop"), unit="ratio", direction="higher"), "did you mean 95 %?"
    url = "/scorecards/shop/sales/"
    told = as_engineer.post(f"{url}targets/", {"target": "> 95", "rationale": "r"}, follow=True).content.decode()
    assert told.count(doubt) == 1
    assert doubt in as_approver.get("/approvals/").content.decode()
    version = kpi.targets.get()
    as_engineer.post(f"/targets/{version.pk}/decide/", {"decision": "withdraw"})
    assert doubt not in as_engineer.get(url).content.decode()
