from datetime import timedelta

import pytest

from accounts.models import AuditEntry, User
from kpis import targets, waivers
from kpis.models import Decision
from kpis.standing import standing
from tests.kpis.factories import NOW, make_kpi, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


@pytest.fixture
def proposer() -> User:
    return User.objects.create(username="proposer")


@pytest.fixture
def decider() -> User:
    return User.objects.create(username="decider")


def test_proposal_waits_and_counts_only_once_approved(proposer: User, decider: User) -> None:
    kpi = make_kpi()
    record_values(kpi, [100])
    target = targets.propose(kpi=kpi, actor=proposer, comparator="<", value=500, rationale="why")
    assert standing(kpi, now=NOW).status == "no_target"
    done = targets.approve(target=target, actor=decider, now=NOW, note="fine")
    assert (done.number, done.decision, done.effective_from, done.self_approved) == (1, Decision.APPROVED, NOW, False)
    assert standing(kpi, now=NOW).status == "met"
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == ["target.propose", "target.approved"]


def test_nobody_approves_their_own_unless_allowed(proposer: User, settings) -> None:  # type: ignore[no-untyped-def]
    target = targets.propose(kpi=make_kpi(), actor=proposer, comparator="<", value=500)
    settings.ALLOW_SELF_APPROVAL = False
    with pytest.raises(targets.Refused):
        targets.approve(target=target, actor=proposer, now=NOW)
    settings.ALLOW_SELF_APPROVAL = True
    assert targets.approve(target=target, actor=proposer, now=NOW).self_approved is True


def test_decided_version_is_not_decided_again(proposer: User, decider: User) -> None:
    target = targets.propose(kpi=make_kpi(), actor=proposer, comparator="<", value=500)
    targets.reject(target=target, actor=decider, now=NOW)
    with pytest.raises(targets.Refused):
        targets.approve(target=target, actor=decider, now=NOW)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"comparator": ">", "value": 500}, "comparator"),
        ({"comparator": "=", "value": 500}, "comparator"),
        ({"comparator": "<", "value": 500, "alert_threshold": 400}, "alert_threshold"),
    ],
)
def test_figures_that_contradict_each_other_are_refused(proposer: User, fields: dict[str, object], field: str) -> None:
    with pytest.raises(targets.BadTarget) as caught:
        targets.propose(kpi=make_kpi(), actor=proposer, **fields)  # type: ignore[arg-type]
    assert list(caught.value.errors) == [field]


def test_approval_never_reaches_back(proposer: User, decider: User) -> None:
    kpi = make_kpi()
    target = targets.propose(kpi=kpi, actor=proposer, comparator="<", value=500, effective_from=NOW - timedelta(days=9))
    assert targets.approve(target=target, actor=decider, now=NOW).effective_from == NOW


def test_waiver_counts_from_approval_to_its_day(proposer: User, decider: User) -> None:
    kpi = make_kpi()
    make_target(kpi, "<", 500)
    record_values(kpi, [700])
    until = NOW + timedelta(hours=1)
    waiver = waivers.request_waiver(kpi=kpi, actor=proposer, reason="migration", expires_at=until, now=NOW)
    assert standing(kpi, now=NOW).waived_until is None
    with pytest.raises(targets.Refused):
        waivers.approve_waiver(waiver=waiver, actor=proposer, now=NOW)
    waivers.approve_waiver(waiver=waiver, actor=decider, now=NOW)
    assert [standing(kpi, now=at).waived_until for at in (NOW, until)] == [until, None]
    waivers.end_waiver(waiver=waiver, actor=decider, now=NOW)
    assert standing(kpi, now=NOW).waived_until is None


def test_waiver_needs_a_reason_and_a_day_ahead(proposer: User) -> None:
    for fields in ({"reason": " ", "expires_at": NOW + timedelta(days=1)}, {"reason": "r", "expires_at": NOW}):
        with pytest.raises(targets.Refused):
            waivers.request_waiver(kpi=make_kpi(), actor=proposer, now=NOW, **fields)  # type: ignore[arg-type]
