"""Roles × actions, on page, API and admin site: who may not, cannot, and nothing moves; who may, does."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from accounts.permissions import ENTER, ROLES, Scope
from kpis import baselines, defining, entering, results, reviewing, streams, targets, waivers
from kpis.models import KPI, Measurement, Scorecard, Series, Submission, Target, Waiver
from kpis.points import Point
from roadmap import closing
from roadmap.models import GateWaiver, Phase, Task
from tests.factories import DOCUMENT, People, make_user
from tests.kpis.factories import make_kpi, make_scorecard, make_target, record_values
from tests.roadmap.factories import make_phase, make_roadmap, make_task

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
SHOP, API = "/scorecards/shop/latency/", "/api/v1/"


@dataclass(frozen=True)
class World:
    """One row of what each action is about; `own_…` belongs to the person whose role is tried."""

    kpi: KPI
    unused: KPI
    archived: KPI
    old_card: Scorecard
    series: Series
    aside: Series
    origin: str
    submission: Submission
    target: Target
    own_target: Target
    waiver: Waiver
    own_waiver: Waiver
    running: Waiver
    own_running: Waiver
    gate_waiver: GateWaiver
    own_gate_waiver: GateWaiver
    running_gate_waiver: GateWaiver
    waived: Phase
    closed: Phase
    task: Task
    person: User
    until: str = field(default_factory=lambda: (timezone.now() + timedelta(days=3)).isoformat())


Request = Callable[[World], tuple[str, str, dict[str, Any]]]


@dataclass(frozen=True)
class Act:
    """What is tried, the scopes of which one is needed, and how: a request per surface. `moves` is what it makes more of,
    `verb` the function that all of them end in."""

    name: str
    scopes: tuple[Scope, ...]
    page: Request | None = None
    api: Request | None = None
    admin: Request | None = None
    moves: Any = AuditEntry
    verb: Callable[..., Any] | None = None


def bulk(model: str, action: str, row: Callable[[World], Any]) -> Request:
    return lambda w: ("post", f"/admin/{model}/", {"action": action, "_selected_action": [row(w).pk]})


def decided(kind: str, verb: str, row: Callable[[World], Any]) -> tuple[Request, Request]:
    return (
        lambda w: ("post", f"/{kind}/{row(w).pk}/decide/", {"decision": verb}),
        lambda w: ("json", f"{API}{kind}/{row(w).pk}/{verb}/", {}),
    )


def edited(w: World) -> dict[str, Any]:
    kept = ("category", "unit", "direction", "aggregation", "across", "version")
    return {name: getattr(w.kpi, name) for name in kept} | {
        "name": "Renamed",
        "window_s": "1h",
        "freshness_s": "1h",
        "position": 3,
    }


def formsets(*names: str) -> dict[str, int]:
    return {f"{name}-{what}_FORMS": 0 for name in names for what in ("TOTAL", "INITIAL")}


def window(since: str, until: str) -> dict[str, str]:
    now = timezone.now()
    return {since: f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", until: f"{now:%Y-%m-%dT%H:%M:%SZ}"}


def in_admin(w: World) -> dict[str, Any]:
    none = formsets("targets", "waivers", "reviews", "series")
    kept = edited(w) | {"window_s": 60, "freshness_s": 60, "position": 0}
    return none | {"opened" if name == "version" else name: value for name, value in kept.items()}


NEW_TARGET = {"target": "< 450", "rationale": "r", "for_s": 0, "recover_s": 0, "severity": "medium"}
NEW_KPI = {
    "name": "New", "key": "new-one", "unit": "ms", "direction": "lower", "category": "technical", "aggregation": "mean",
    "across": "worst", "window_s": 60, "freshness_s": 60, "position": 0,
}  # fmt: skip
FILE = "kpi,subject,at,value\nlatency,orders,2026-01-01,5"
PROPOSE, APPROVE, PLAN = (Scope.TARGETS_PROPOSE,), (Scope.APPROVE,), (Scope.PLAN_WRITE,)
ACTS = [
    Act("propose a target", PROPOSE,
        lambda w: ("post", f"{SHOP}targets/", NEW_TARGET),
        lambda w: ("json", f"{API}kpis/shop/latency/targets/", {"target": "< 450"}),
        lambda w: ("post", "/admin/kpis/target/add/", NEW_TARGET | {"kpi": w.kpi.pk}), verb=targets.propose),
    Act("propose a measured baseline", PROPOSE,
        lambda w: ("post", "/scorecards/shop/measured/targets/", NEW_TARGET | window("baseline_since", "baseline_until")),
        lambda w: ("json", f"{API}kpis/shop/measured/baseline/", {"target": "< 450"} | window("since", "until")),
        verb=baselines.propose),
    Act("approve a target", APPROVE, *decided("targets", "approve", lambda w: w.target),
        bulk("kpis/target", "approve", lambda w: w.target), verb=targets.approve),
    Act("reject a target", APPROVE, *decided("targets", "reject", lambda w: w.target),
        bulk("kpis/target", "reject", lambda w: w.target), verb=targets.reject),
    Act("withdraw a target", PROPOSE, *decided("targets", "withdraw", lambda w: w.own_target),
        bulk("kpis/target", "withdraw", lambda w: w.own_target), verb=targets.withdraw),
    Act("ask for a waiver", PROPOSE,
        lambda w: ("post", "/waivers/new/", {"kpi": w.kpi.pk, "reason": "r", "last_day": w.until[:10]}),
        lambda w: ("json", f"{API}waivers/", {"kpi": "shop/latency", "reason": "r", "expires_at": w.until}),
        lambda w: ("post", "/admin/kpis/waiver/add/",
                   {"kpi": w.kpi.pk, "reason": "r", "expires_at_0": w.until[:10], "expires_at_1": "12:00"}),
        verb=waivers.request_waiver),
    Act("approve a waiver", APPROVE, *decided("waivers", "approve", lambda w: w.waiver),
        bulk("kpis/waiver", "approve", lambda w: w.waiver), verb=waivers.approve_waiver),
    Act("reject a waiver", APPROVE, *decided("waivers", "reject", lambda w: w.waiver),
        bulk("kpis/waiver", "reject", lambda w: w.waiver), verb=waivers.reject_waiver),
    Act("withdraw a waiver", PROPOSE, *decided("waivers", "withdraw", lambda w: w.own_waiver),
        bulk("kpis/waiver", "withdraw", lambda w: w.own_waiver), verb=waivers.withdraw_waiver),
    Act("end a waiver", APPROVE, *decided("waivers", "end", lambda w: w.running),
        bulk("kpis/waiver", "end", lambda w: w.running), verb=waivers.end_waiver),
    Act("end one's own waiver", PROPOSE, *decided("waivers", "end", lambda w: w.own_running)),
    Act("ask for a waiver of a gate", PLAN,
        lambda w: ("post", "/roadmaps/plan/phases/1/waiver/", {"reason": "r", "expires_on": w.until[:10]}),
        lambda w: ("json", f"{API}gates/{w.gate_waiver.gate_id}/waive/", {"reason": "r", "expires_at": w.until}),
        verb=closing.request_waiver),
    Act("approve a waiver of a gate", APPROVE, *decided("gate-waivers", "approve", lambda w: w.gate_waiver),
        bulk("roadmap/gatewaiver", "approve", lambda w: w.gate_waiver), verb=closing.approve_waiver),
    Act("reject a waiver of a gate", APPROVE, *decided("gate-waivers", "reject", lambda w: w.gate_waiver),
        bulk("roadmap/gatewaiver", "reject", lambda w: w.gate_waiver), verb=closing.reject_waiver),
    Act("withdraw a waiver of a gate", PLAN, *decided("gate-waivers", "withdraw", lambda w: w.own_gate_waiver),
        bulk("roadmap/gatewaiver", "withdraw", lambda w: w.own_gate_waiver), verb=closing.withdraw_waiver),
    Act("end a waiver of a gate", APPROVE, *decided("gate-waivers", "end", lambda w: w.running_gate_waiver),
        bulk("roadmap/gatewaiver", "end", lambda w: w.running_gate_waiver), verb=closing.end_waiver),
    Act("close a phase", PLAN,
        lambda w: ("post", f"/roadmaps/plan/phases/{w.waived.number}/close/", {}),
        lambda w: ("json", f"{API}gates/{w.waived.gate.pk}/close/", {}), verb=closing.close_phase),
    Act("open a phase again", PLAN,
        lambda w: ("post", f"/roadmaps/plan/phases/{w.closed.number}/reopen/", {"why": "r"}), verb=closing.reopen_phase),
    Act("change a KPI", PLAN,
        lambda w: ("post", f"{SHOP}edit/", edited(w)),
        lambda w: ("patch", f"{API}kpis/shop/latency/", {"name": "Renamed"}),
        lambda w: ("post", f"/admin/kpis/kpi/{w.kpi.pk}/change/", in_admin(w)), verb=defining.change),
    Act("make a KPI", PLAN,
        lambda w: ("post", "/scorecards/shop/new/", NEW_KPI | {"window_s": "1h", "freshness_s": "1h"}),
        lambda w: ("json", f"{API}kpis/", {"scorecard": "shop", "name": "New", "unit": "ms", "direction": "lower"}),
        lambda w: ("post", "/admin/kpis/kpi/add/", NEW_KPI | {"scorecard": w.kpi.scorecard_id}), verb=defining.create_kpi),
    Act("archive a KPI", PLAN,
        lambda w: ("post", f"{SHOP}archive/", {"version": w.kpi.version}),
        lambda w: ("json", f"{API}kpis/shop/latency/archive/", {}),
        bulk("kpis/kpi", "archive", lambda w: w.kpi), verb=defining.archive),
    Act("restore a KPI", PLAN,
        lambda w: ("post", "/scorecards/shop/archived/restore/", {}),
        lambda w: ("json", f"{API}kpis/shop/archived/restore/", {}),
        bulk("kpis/kpi", "restore", lambda w: w.archived), verb=defining.restore),
    Act("delete a KPI that was never used", PLAN,
        lambda w: ("post", "/scorecards/shop/unused/archive/", {"version": w.unused.version, "do": "delete"}),
        lambda w: ("delete", f"{API}kpis/shop/unused/", {}), verb=defining.remove),
    Act("make a scorecard", PLAN,
        lambda w: ("post", "/scorecards/new/", {"name": "Basket"}),
        lambda w: ("json", f"{API}scorecards/", {"name": "Basket"}),
        lambda w: ("post", "/admin/kpis/scorecard/add/", {"name": "Basket", "slug": "basket"} | formsets("kpis")),
        verb=defining.create_scorecard),
    Act("change a scorecard", PLAN,
        lambda w: ("post", "/scorecards/shop/edit/", {"name": "Basket", "version": 1}),
        lambda w: ("patch", f"{API}scorecards/shop/", {"name": "Basket"}),
        lambda w: ("post", f"/admin/kpis/scorecard/{w.kpi.scorecard_id}/change/",
                   {"name": "Basket", "opened": 1} | formsets("kpis"))),
    Act("archive a scorecard", PLAN,
        lambda w: ("post", "/scorecards/shop/archive/", {"version": 1}),
        lambda w: ("json", f"{API}scorecards/shop/archive/", {}),
        bulk("kpis/scorecard", "archive", lambda w: w.kpi.scorecard)),
    Act("restore a scorecard", PLAN,
        lambda w: ("post", "/scorecards/old/restore/", {}),
        lambda w: ("json", f"{API}scorecards/old/restore/", {}),
        bulk("kpis/scorecard", "restore", lambda w: w.old_card)),
    Act("set a series aside", PLAN,
        lambda w: ("post", f"/series/{w.series.pk}/turn/", {"do": "set_aside", "why": "r"}),
        lambda w: ("json", f"{API}series/{w.series.pk}/set-aside/", {"why": "r"}),
        bulk("kpis/series", "set_aside", lambda w: w.series), verb=streams.set_aside),
    Act("let a series count again", PLAN,
        lambda w: ("post", f"/series/{w.aside.pk}/turn/", {"do": "take_back"}),
        lambda w: ("json", f"{API}series/{w.aside.pk}/take-back/", {}),
        bulk("kpis/series", "take_back", lambda w: w.aside), verb=streams.take_back),
    Act("review a KPI", PROPOSE,
        lambda w: ("post", f"{SHOP}review/", {"note": "It holds."}),
        lambda w: ("json", f"{API}kpis/shop/latency/reviews/", {"note": "It holds."}), verb=reviewing.acknowledge),
    Act("send a measurement", (Scope.RESULTS_WRITE,), None,
        lambda w: ("json", f"{API}measurements/", {"measurements": [
            {"kpi": "shop/latency", "subject": "orders", "environment": "prod", "at": timezone.now().isoformat(), "value": 5}]}),
        moves=Measurement),
    Act("enter a figure", ENTER,
        lambda w: ("post", f"{SHOP}enter/", {"value": "5", "at": f"{timezone.now():%Y-%m-%dT%H:%M}", "subject": "orders"}),
        moves=Measurement, verb=entering.enter),
    Act("bring in a file", ENTER,
        lambda w: ("post", "/scorecards/shop/import/", {"do": "bring", "text": FILE}),
        moves=Measurement, verb=entering.bring_in),
    Act("take an entry back", ENTER,
        lambda w: ("post", f"/scorecards/shop/measured/entries/{w.origin}/", {"why": "r"}), verb=entering.take_back),
    Act("invalidate a result", (Scope.RESULTS_WRITE,),
        lambda w: ("post", f"/results/{w.submission.pk}/invalidate/", {"why": "r"}),
        lambda w: ("json", f"{API}results/{w.submission.pk}/invalidate/", {"why": "r"}), verb=results.invalidate),
    Act("tick a task", PLAN,
        lambda w: ("post", f"/tasks/{w.task.pk}/state/", {"state": "done", "version": w.task.version}),
        lambda w: ("patch", f"{API}tasks/{w.task.pk}/", {"status": "done"})),
    Act("give a role", (Scope.ADMINISTER,), None, None,
        lambda w: ("post", f"/admin/accounts/user/{w.person.pk}/change/", {"username": "second", "is_active": "on"})),
]  # fmt: skip
GOVERNING = (targets, baselines, waivers, defining, streams, reviewing, entering, closing)


def test_every_verb_of_governance_is_walked() -> None:
    """Whoever adds a verb that a person does adds how it is tried here."""
    verbs = {
        f"{module.__name__}.{name}"
        for module in GOVERNING
        for name, verb in inspect.getmembers(module, inspect.isfunction)
        if verb.__module__ == module.__name__ and not name.startswith("_") and "actor" in signature(verb)
    } - {"kpis.entering.origin_of"}
    walked = {f"{act.verb.__module__}.{act.verb.__name__}" for act in ACTS if act.verb} - {"kpis.results.invalidate"}
    assert walked == verbs


def signature(verb: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(verb).parameters)


@pytest.fixture
def world(people: People) -> Callable[[User], World]:
    def made(user: User) -> World:
        now, other, approver = timezone.now(), make_user("manager", "somebody"), make_user("approver", "second-approver")
        card = make_scorecard("shop")
        kpi, measured = make_kpi("latency", name="Latency", scorecard=card), make_kpi("measured", scorecard=card)
        make_target(kpi, "<", 500)
        record_values(kpi, [400], until=now)
        point = Point(kpi=measured, subject="orders", at=now - timedelta(minutes=9), value=5, origin="")
        entry = entering.enter(point=point, actor=other, now=now)
        aside = Series.objects.create(kpi=measured, subject="typo", enabled=False)
        phases = [make_phase(make_roadmap(slug="plan", scorecard=card))]
        phases += [make_phase(phases[0].roadmap) for _ in range(2)]
        until = now + timedelta(days=9)

        def asked(by: User) -> Waiver:
            return waivers.request_waiver(kpi=kpi, actor=by, reason="r", expires_at=until, now=now)

        def asked_gate(by: User, phase: Phase) -> GateWaiver:
            return closing.request_waiver(gate=phase.gate, actor=by, reason="r", expires_at=until, now=now)

        running_gate, closing_gate = (
            closing.approve_waiver(waiver=asked_gate(other, one), actor=approver, now=now) for one in phases[1:]
        )
        closing.close_phase(gate=closing_gate.gate, actor=other, now=now)
        return World(
            kpi=kpi,
            unused=make_kpi("unused", scorecard=card),
            archived=make_kpi("archived", scorecard=card, archived_at=now),
            old_card=make_scorecard("old", archived_at=now),
            series=measured.series.get(subject="orders"),
            aside=aside,
            origin=entry.origin,
            submission=make_submission(other),
            target=targets.propose(kpi=kpi, actor=other, target="< 400", rationale="r"),
            own_target=targets.propose(kpi=kpi, actor=user, target="< 300", rationale="r"),
            waiver=asked(other),
            own_waiver=asked(user),
            running=waivers.approve_waiver(waiver=asked(other), actor=approver, now=now),
            own_running=waivers.approve_waiver(waiver=asked(user), actor=approver, now=now),
            gate_waiver=asked_gate(other, phases[0]),
            own_gate_waiver=asked_gate(user, phases[0]),
            running_gate_waiver=running_gate,
            waived=phases[1],
            closed=phases[2],
            task=make_task(phases[0]),
            person=make_user("viewer", "second"),
        )

    return made


def make_submission(by: User) -> Submission:
    return Submission.objects.create(
        service="orders", format="milepost", payload_sha256="0" * 64, submitted_by=by, verdict="pass", document=DOCUMENT
    )


def attempt(client: Client, request: tuple[str, str, dict[str, Any]], moves: Any) -> tuple[bool, bool]:
    """Whether the door was open, and whether anything moved; all of it is undone."""
    method, url, data = request
    before = moves.objects.count()
    with transaction.atomic():
        send = getattr(client, "post" if method == "json" else method)
        answer = send(url, data) if method == "post" else send(url, data, content_type="application/json")
        moved = moves.objects.count() != before
        transaction.set_rollback(True)
    shut = answer.status_code in (401, 403) or (answer.status_code == 302 and "/admin/login/" in answer["Location"])
    return not shut, moved


@pytest.mark.parametrize("role", list(ROLES))
def test_who_may_does_and_who_may_not_cannot(
    role: str, people: People, world: Callable[[User], World], log_in: Callable[[User], Client]
) -> None:
    user = getattr(people, role)
    client, here, wrong = log_in(user), world(user), []
    for act in ACTS:
        may = bool(set(act.scopes) & ROLES[role])
        for surface in ("page", "api", "admin"):
            request = getattr(act, surface)
            if request is None:
                continue
            expected = may and (surface != "admin" or Scope.ADMINISTER in ROLES[role])
            found = attempt(client, request(here), act.moves)
            if found != (expected, expected):
                wrong.append((act.name, surface, found))
    assert wrong == []


@pytest.mark.parametrize("act", [act for act in ACTS if act.scopes == APPROVE and act.api], ids=lambda act: act.name)
def test_no_token_decides(act: Act, people: People, world: Callable[[User], World], api: Any, make_token: Any) -> None:
    """Not even the token of somebody who may approve everything, with every scope that a token can have."""
    scopes = [str(scope) for scope in (Scope.READ, Scope.TARGETS_PROPOSE, Scope.PLAN_WRITE, Scope.RESULTS_WRITE)]
    client = api(make_token(people.administrator, scopes))
    assert act.api is not None
    _, url, data = act.api(world(people.administrator))
    before = AuditEntry.objects.count()
    assert (client.post(url, data, format="json").status_code, AuditEntry.objects.count()) == (403, before)
