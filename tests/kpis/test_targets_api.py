import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from kpis.models import KPI, Target
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values

pytestmark = pytest.mark.django_db
HERE = "/api/v1/kpis/plan/latency/"


@pytest.fixture
def kpi() -> KPI:
    kpi = make_kpi("latency", scorecard=make_scorecard("plan"), aggregation="p95")
    make_target(kpi, baseline=800, alert_threshold=1000, effective_from=timezone.now() - timedelta(days=1))
    return kpi


def post(client: Client, path: str, data: dict[str, Any]) -> Any:
    return client.post(path, json.dumps(data), content_type="application/json")


def window(hours: int = 1) -> dict[str, str]:
    now = timezone.now()
    return {"since": (now - timedelta(hours=hours)).isoformat(), "until": now.isoformat()}


@pytest.mark.parametrize(
    ("sent", "value", "typed"),
    [
        ({"target": "p(95)<450"}, 450, "p(95)<450"),
        ({"target": "< 0.45 s"}, 450, "< 0.45 s"),
        ({"target": "<= -25%"}, 600, "<= -25%"),
        ({"comparator": "<", "value": 450}, 450, ""),
    ],
)
def test_a_target_is_text_or_parts(kpi: KPI, as_engineer: Client, sent: dict[str, Any], value: float, typed: str) -> None:
    answer = post(as_engineer, f"{HERE}targets/", sent)
    assert (answer.status_code, answer.json()["value"], answer.json()["typed"]) == (201, value, typed)
    assert answer.json()["decision"] == "proposed"


@pytest.mark.parametrize(
    ("sent", "paths"),
    [
        ({"target": "p(99)<450"}, ["$.target"]),
        ({"target": "< 450 MB"}, ["$.target"]),
        ({"target": "< 450", "baseline": -1}, ["$.baseline"]),
        ({"target": "< 450", "value": 450}, ["$.target"]),
        ({"target": "< 450", "for_s": 10**12}, ["$.for_s"]),
        ({"target": "< 450", "recover_s": 10**9}, ["$.recover_s"]),
        ({"value": 450}, ["$.comparator"]),
        ({}, ["$.comparator", "$.value"]),
    ],
)
def test_what_is_wrong_has_its_path(kpi: KPI, as_engineer: Client, sent: dict[str, Any], paths: list[str]) -> None:
    answer = post(as_engineer, f"{HERE}targets/", sent)
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, paths)
    assert kpi.targets.count() == 1


def test_the_proposer_withdraws_and_nobody_decides_after(kpi: KPI, as_engineer: Client, as_approver: Client) -> None:
    pk = post(as_engineer, f"{HERE}targets/", {"target": "< 450"}).json()["id"]
    assert post(as_approver, f"/api/v1/targets/{pk}/withdraw/", {}).status_code == 409
    assert post(as_engineer, f"/api/v1/targets/{pk}/withdraw/", {}).json()["decision"] == "withdrawn"
    told = post(as_approver, f"/api/v1/targets/{pk}/approve/", {})
    assert (told.status_code, "already withdrawn" in told.json()["detail"]) == (409, True)


def test_a_baseline_is_measured_and_proposed(kpi: KPI, as_engineer: Client, as_viewer: Client) -> None:
    record_values(kpi, [600.0] * 5, until=timezone.now() - timedelta(minutes=1))
    told = as_viewer.get(f"{HERE}baseline/", window()).json()
    assert told["baseline"] == pytest.approx(600, rel=0.002)
    assert (told["baseline_runs"], told["baseline_samples"]) == (5, 5)
    assert post(as_viewer, f"{HERE}baseline/", window()).status_code == 403
    made = post(as_engineer, f"{HERE}baseline/", window() | {"rationale": "before the index"}).json()
    assert (made["target"], made["baseline_runs"], made["alert_threshold"]) == ("< 500", 5, 1000)
    assert Target.objects.get(pk=made["id"]).baseline_stated.startswith("95th percentile of 5 runs with 5 samples, ")
    Target.objects.filter(pk=made["id"]).update(decision="approved", effective_from=timezone.now())
    later, typed = (post(as_engineer, f"{HERE}targets/", {"target": "< 450"} | more).json() for more in ({}, {"baseline": 700}))
    assert (later["baseline"], later["baseline_runs"], typed["baseline"], typed["baseline_runs"]) == (
        made["baseline"],
        5,
        700,
        None,
    )


def test_a_window_that_says_nothing_is_told_by_path(kpi: KPI, as_engineer: Client) -> None:
    answer = post(as_engineer, f"{HERE}baseline/", window())
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, ["$.since"])
    assert as_engineer.get(f"{HERE}baseline/").status_code == 422


@pytest.mark.parametrize(
    ("path", "sent", "unknown"),
    [
        (
            "targets",
            {"target": "< 400"},
            {"decision": "approved", "proposed_by": "x", "baseline_runs": 9, "baseline_since": None},
        ),
        ("baseline", {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}, {"baseline": 99999}),
    ],
)
def test_what_cannot_be_sent_is_refused_at_its_field(
    as_engineer: Client, path: str, sent: dict[str, Any], unknown: dict[str, Any]
) -> None:
    make_kpi("latency", scorecard=make_scorecard("shop"))
    answer = as_engineer.post(f"/api/v1/kpis/shop/latency/{path}/", sent | unknown, content_type="application/json")
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["errors"]] == [f"$.{name}" for name in sorted(unknown)]
    assert not Target.objects.exists()


def test_what_was_hardly_meant_is_taken_with_a_warning(as_engineer: Client) -> None:
    make_kpi("sales", scorecard=make_scorecard("plan"), unit="ratio", direction="higher")
    answer = post(as_engineer, "/api/v1/kpis/plan/sales/targets/", {"target": "> 95"})
    assert (answer.status_code, answer.json()["value"]) == (201, 95)
    warnings = [{"path": "$.target", "detail": "95 ratio is 9,500 %: did you mean 95 %?"}]
    assert answer.json()["warnings"] == warnings
    listed = as_engineer.get("/api/v1/kpis/plan/sales/targets/").json()["results"]
    assert [version["warnings"] for version in listed] == [warnings]
    assert post(as_engineer, "/api/v1/kpis/plan/sales/targets/", {"target": "> 0.95"}).json()["warnings"] == []
