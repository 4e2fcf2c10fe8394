"""Roles × actions, on page, API and admin site: who may not, cannot, and nothing moves; who may, does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from accounts.permissions import ROLES, Scope
from kpis import targets, waivers
from kpis.models import KPI, Measurement, Target, Waiver
from roadmap import closing
from roadmap.models import GateWaiver, Task
from tests.factories import People, make_user
from tests.kpis.factories import make_kpi, make_scorecard, make_target
from tests.roadmap.factories import make_phase, make_roadmap, make_task

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
SHOP, API = "/scorecards/shop/latency/", "/api/v1/"


@dataclass(frozen=True)
class World:
    """One row of what each action is about; `own_…` belongs to the person whose role is tried."""

    kpi: KPI
    target: Target
    own_target: Target
    waiver: Waiver
    running: Waiver
    gate_waiver: GateWaiver
    task: Task
    person: User
    until: str = field(default_factory=lambda: (timezone.now() + timedelta(days=3)).isoformat())


Request = Callable[[World], tuple[str, str, dict[str, Any]]]


@dataclass(frozen=True)
class Act:
    """What is tried, the scopes of which one is needed, and how: a request per surface. `moves` is what it makes more of."""

    name: str
    scopes: tuple[Scope, ...]
    page: Request | None = None
    api: Request | None = None
    admin: Request | None = None
    moves: Any = AuditEntry


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


def in_admin(w: World) -> dict[str, Any]:
    none = {f"{name}-{what}_FORMS": 0 for name in ("targets", "waivers", "reviews", "series") for what in ("TOTAL", "INITIAL")}
    kept = edited(w) | {"window_s": 60, "freshness_s": 60, "position": 0}
    return none | {"opened" if name == "version" else name: value for name, value in kept.items()}


NEW_TARGET = {"target": "< 450", "rationale": "r", "for_s": 0, "recover_s": 0, "severity": "medium"}
PROPOSE, APPROVE, PLAN = (Scope.TARGETS_PROPOSE,), (Scope.APPROVE,), (Scope.PLAN_WRITE,)
ACTS = [
    Act("propose a target", PROPOSE,
        lambda w: ("post", f"{SHOP}targets/", NEW_TARGET),
        lambda w: ("json", f"{API}kpis/shop/latency/targets/", {"target": "< 450"}),
        lambda w: ("post", "/admin/kpis/target/add/", NEW_TARGET | {"kpi": w.kpi.pk})),
    Act("approve a target", APPROVE, *decided("targets", "approve", lambda w: w.target),
        bulk("kpis/target", "approve", lambda w: w.target)),
    Act("reject a target", APPROVE, *decided("targets", "reject", lambda w: w.target),
        bulk("kpis/target", "reject", lambda w: w.target)),
    Act("withdraw a target", PROPOSE, *decided("targets", "withdraw", lambda w: w.own_target)),
    Act("ask for a waiver", PROPOSE,
        lambda w: ("post", "/waivers/new/", {"kpi": w.kpi.pk, "reason": "r", "last_day": w.until[:10]}),
        lambda w: ("json", f"{API}waivers/", {"kpi": "shop/latency", "reason": "r", "expires_at": w.until}),
        lambda w: ("post", "/admin/kpis/waiver/add/",
                   {"kpi": w.kpi.pk, "reason": "r", "expires_at_0": w.until[:10], "expires_at_1": "12:00"})),
    Act("approve a waiver", APPROVE, *decided("waivers", "approve", lambda w: w.waiver),
        bulk("kpis/waiver", "approve", lambda w: w.waiver)),
    Act("reject a waiver", APPROVE, *decided("waivers", "reject", lambda w: w.waiver),
        bulk("kpis/waiver", "reject", lambda w: w.waiver)),
    Act("end a waiver", APPROVE, *decided("waivers", "end", lambda w: w.running),
        bulk("kpis/waiver", "end", lambda w: w.running)),
    Act("ask for a waiver of a gate", PLAN,
        lambda w: ("post", "/roadmaps/plan/phases/1/waiver/", {"reason": "r", "expires_on": w.until[:10]}),
        lambda w: ("json", f"{API}gates/{w.gate_waiver.gate_id}/waive/", {"reason": "r", "expires_at": w.until})),
    Act("approve a waiver of a gate", APPROVE, *decided("gate-waivers", "approve", lambda w: w.gate_waiver),
        bulk("roadmap/gatewaiver", "approve", lambda w: w.gate_waiver)),
    Act("change a KPI", PLAN,
        lambda w: ("post", f"{SHOP}edit/", edited(w)),
        lambda w: ("patch", f"{API}kpis/shop/latency/", {"name": "Renamed"}),
        lambda w: ("post", f"/admin/kpis/kpi/{w.kpi.pk}/change/", in_admin(w))),
    Act("archive a KPI", PLAN,
        lambda w: ("post", f"{SHOP}archive/", {"version": w.kpi.version}),
        lambda w: ("json", f"{API}kpis/shop/latency/archive/", {}),
        bulk("kpis/kpi", "archive", lambda w: w.kpi)),
    Act("make a scorecard", PLAN,
        lambda w: ("post", "/scorecards/new/", {"name": "Basket"}),
        lambda w: ("json", f"{API}scorecards/", {"name": "Basket"})),
    Act("send a measurement", (Scope.RESULTS_WRITE,), None,
        lambda w: ("json", f"{API}measurements/", {"measurements": [
            {"kpi": "shop/latency", "subject": "orders", "environment": "prod", "at": timezone.now().isoformat(), "value": 5}]}),
        moves=Measurement),
    Act("enter a figure", (Scope.RESULTS_WRITE, Scope.PLAN_WRITE),
        lambda w: ("post", f"{SHOP}enter/", {"value": "5", "at": f"{timezone.now():%Y-%m-%dT%H:%M}", "subject": "orders"}),
        moves=Measurement),
    Act("tick a task", PLAN,
        lambda w: ("post", f"/tasks/{w.task.pk}/state/", {"state": "done", "version": w.task.version}),
        lambda w: ("patch", f"{API}tasks/{w.task.pk}/", {"status": "done"})),
    Act("give a role", (Scope.ADMINISTER,), None, None,
        lambda w: ("post", f"/admin/accounts/user/{w.person.pk}/change/", {"username": "second", "is_active": "on"})),
]  # fmt: skip


@pytest.fixture
def world(people: People) -> Callable[[User], World]:
    def made(user: User) -> World:
        now = timezone.now()
        other = make_user("manager", "somebody")
        kpi = make_kpi("latency", name="Latency", scorecard=make_scorecard("shop"))
        make_target(kpi, "<", 500)
        phase = make_phase(make_roadmap(slug="plan", scorecard=kpi.scorecard))
        until = now + timedelta(days=9)
        asked = [waivers.request_waiver(kpi=kpi, actor=other, reason="r", expires_at=until, now=now) for _ in range(2)]
        return World(
            kpi=kpi,
            target=targets.propose(kpi=kpi, actor=other, target="< 400", rationale="r"),
            own_target=targets.propose(kpi=kpi, actor=user, target="< 300", rationale="r"),
            waiver=asked[0],
            running=waivers.approve_waiver(waiver=asked[1], actor=make_user("approver", "second-approver"), now=now),
            gate_waiver=closing.request_waiver(gate=phase.gate, actor=other, reason="r", expires_at=until, now=now),
            task=make_task(phase),
            person=make_user("viewer", "second"),
        )

    return made


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
