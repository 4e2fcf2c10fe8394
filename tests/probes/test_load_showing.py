"""What the page of a load run says, live and when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from probes import load_showing
from probes.kinds.base import Outcome
from probes.load_showing import LoadReport
from probes.models import LoadSecond, Run, RunState
from tests.probes.factories import make_probe, make_run, make_service

pytestmark = pytest.mark.django_db

STAGES = ["50 users for 10s", "pause 5s", "100 users for 10s"]
GAUGE = {"cpu": 0.1, "lag_p95_ms": 0.1, "late_p99_ms": 0.5, "achieved": 1.0, "steal": 0.0}


def second(run: Run, number: int, stage: int, label: str, **fields: Any) -> None:
    row = {"stage": stage, "label": label, "warm": False, "users": 50, "sent": 40, "ended": 40, "failed": 0, "backlog": 0,
           "p50": 50.0, "p95": 80.0, "p99": 120.0, "gauge": GAUGE, "what": {}} | fields  # fmt: skip
    LoadSecond.objects.create(run=run, second=number, figures=row)


def make_load_run(**fields: Any) -> Run:
    probe = make_probe(make_service(), "load", params={"stages": STAGES})
    return make_run(probe, **{"state": RunState.RUNNING, "outcome": "", "finished_at": None, **fields})


def shown(run: Run) -> LoadReport:
    found = load_showing.report(run)
    assert found is not None
    return found


def in_its_third_stage(run: Run, **last: Any) -> None:
    for number in range(10):
        second(run, number, 0, "50 users")
    for number in range(10, 15):
        second(run, number, 1, "cool-down", users=0, sent=0, ended=0, p50=None, p95=None, p99=None)
    second(run, 15, 2, "100 users", **last)


def test_nothing_is_shown_before_the_first_second() -> None:
    assert load_showing.report(make_load_run()) is None


def test_a_live_run_knows_where_it_stands() -> None:
    run = make_load_run()
    in_its_third_stage(run, p95=1340.0, failed=4, what={"503": 3, "timed out": 1})
    found = shown(run)
    assert found.sentence == "100 users take p95 to 1,340 ms, over the limit of 1,000 ms."
    assert (found.place, found.left, found.now_x) == ("Stage 2 of 2", "0:09", 64.0)
    assert [(span.label, span.state, span.note) for span in found.spans] == [
        ("50 users", "done", "p95 80 ms"), ("cool-down", "done", ""), ("100 users", "now", "0:01 of 0:10"),
    ]  # fmt: skip
    assert (found.errors_pct, found.errors, found.failing) == (10.0, "503: 3 · timed out: 1", 0)


def test_a_run_that_is_over_says_which_limits_held() -> None:
    rows = [{"stage": "50 users", "met": True, "p95": 80.0}, {"stage": "100 users", "met": False, "p95": 1340.0}]
    run = make_load_run(state=RunState.DONE, outcome=Outcome.OK, details={"stages": rows})
    in_its_third_stage(run)
    found = shown(run)
    assert found.sentence == "The limits (p95 under 1,000 ms, errors under 1 %) were missed at 100 users."
    assert (found.now_x, found.whole, [span.idle for span in found.spans]) == (None, "0:16", [False, True, False])


@pytest.mark.parametrize(
    ("outcome", "readings", "sentence"),
    [
        (Outcome.GENERATOR_LIMITED, [], "The generator was the bottleneck, so this says nothing of the service."),
        (Outcome.OK, [{"metric": "capacity_users", "value": 40.0, "unit": "count", "note": "the next stage missed a limit"}],
         "It bears 40 users within the limits (p95 under 1,000 ms, errors under 1 %)."),
    ],
)  # fmt: skip
def test_what_a_run_comes_to(outcome: str, readings: list[dict[str, Any]], sentence: str) -> None:
    rows = [{"stage": "50 users", "met": False, "p95": 80.0}]
    run = make_load_run(state=RunState.DONE, outcome=outcome, readings=readings, details={"stages": rows})
    run.probe.params = {"stages": STAGES, "search": "users"}
    second(run, 0, 0, "50 users")
    assert shown(run).sentence == sentence


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.INVALID, Outcome.FAILED])
def test_no_limit_held_in_a_run_that_did_not_come_to_its_end(outcome: str) -> None:
    run = make_load_run(
        state=RunState.DONE, outcome=outcome, details={"stages": [{"stage": "50 users", "met": True, "p95": 80.0}]}
    )
    second(run, 0, 0, "50 users")
    assert shown(run).sentence == "It asked for p95 under 1,000 ms, errors under 1 %, and did not come to its end."


@pytest.mark.parametrize(
    ("outcome", "met", "limits"),
    [
        (Outcome.OK, True, "Held"), (Outcome.OK, False, "Missed"), (Outcome.STOPPED, True, "Not shown"),
        (Outcome.STOPPED, False, "Missed"), (Outcome.GENERATOR_LIMITED, True, "Not shown"),
        (Outcome.GENERATOR_LIMITED, False, "Not shown"), (Outcome.INVALID, True, "Not shown"),
    ],
)  # fmt: skip
def test_nothing_held_where_nothing_was_shown(as_viewer: Client, outcome: str, met: bool, limits: str) -> None:
    figures = {"p50": 50.0, "p95": 80.0, "p99": 120.0, "requests": 40, "throughput": 40.0, "errors_pct": 0.0}
    run = make_load_run(state=RunState.DONE, outcome=outcome, details={"stages": [figures | {"stage": "50 users", "met": met}]})
    second(run, 0, 0, "50 users")
    page = as_viewer.get(f"/runs/{run.pk}/").content.decode()
    assert [word for word in ("Held</span>", "Missed</span>", "Not shown</span>") if word in page] == [f"{limits}</span>"]


def test_a_run_that_is_over_shows_the_gauge_by_which_it_was_judged() -> None:
    poor = GAUGE | {"achieved": 0.97}
    rows = [
        {"stage": "50 users", "met": True, "p95": 80.0, "requests": 400, "gauge": poor},
        {"stage": "100 users", "met": True, "p95": 80.0, "requests": 40, "gauge": GAUGE},
    ]
    run = make_load_run(state=RunState.DONE, outcome=Outcome.GENERATOR_LIMITED, details={"stages": rows})
    in_its_third_stage(run, gauge=GAUGE | {"achieved": 0.972})
    assert [(check.name, check.now) for check in shown(run).checks if not check.holds] == [("Achieved over asked", "97.0 %")]


def test_the_bar_of_a_stage_is_as_full_as_it_has_come(as_viewer: Client) -> None:
    run = make_load_run()
    for number in range(4):
        second(run, number, 0, "50 users")
    assert [span.gone for span in shown(run).spans] == [39.68, 0, 0]
    assert '<rect class="gone" width="39.68%"' in as_viewer.get(f"/runs/{run.pk}/").content.decode()


def test_a_run_that_was_asked_to_stop_says_so_at_once(as_viewer: Client) -> None:
    run = make_load_run(stop_asked_at=timezone.now())
    page = as_viewer.get(f"/runs/{run.pk}/").content.decode()
    assert ("Stopping…" in page, 'data-live="1"' in page) == (True, True)


def test_the_steps_of_a_search_stand_beside_each_other() -> None:
    run = make_load_run()
    run.probe.params = {"stages": STAGES, "search": "users"}
    for number, label in ((0, "50 users"), (1, "50 users"), (1, "100 users"), (2, "100 users")):
        second(run, number, 0, label)
    assert [(span.start, span.end) for span in shown(run).spans] == [(0, 1), (1, 3)]


def test_it_is_compared_with_the_last_run_that_ended_well() -> None:
    rows = [{"stage": "50 users", "met": True, "p95": 100.0, "throughput": 40.0}]
    run = make_load_run(state=RunState.DONE, outcome=Outcome.OK, details={"stages": rows})
    second(run, 0, 0, "50 users")
    older = timezone.now() - timedelta(days=300)
    make_run(run.probe, outcome=Outcome.OK, due_at=older, details={"stages": [{"stage": "50 users", "p95": 80.0}]})
    make_run(run.probe, outcome=Outcome.FAILED, due_at=older + timedelta(days=1))
    Run.objects.filter(pk=run.pk).update(due_at=timezone.now())
    run.refresh_from_db()
    (one,) = shown(run).compared
    assert (one.stage, one.then["p95"], one.now["p95"], one.change) == ("50 users", 80.0, 100.0, 0.25)


def test_the_stop_button_goes_when_the_run_is_over(as_engineer: Client) -> None:
    run = make_load_run()
    second(run, 0, 0, "50 users")
    page = as_engineer.get(f"/runs/{run.pk}/").content.decode()
    assert "Stop run" in page
    Run.objects.filter(pk=run.pk).update(state=RunState.DONE, outcome=Outcome.STOPPED)
    renewed = as_engineer.get(f"/runs/{run.pk}/", headers={"HX-Request": "true", "HX-Target": "run"}).content.decode()
    assert '<span id="run-acts" hx-swap-oob="true"></span>' in renewed
