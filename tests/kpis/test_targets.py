from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection

from accounts.models import AuditEntry, User
from kpis import targets, waivers
from kpis.commitments import difference
from kpis.faults import BadTarget, doubts
from kpis.models import KPI, Decision, Incident, KpiState, Target
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
    with pytest.raises(BadTarget) as caught:
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


def test_typed_text_is_kept_beside_what_it_means(proposer: User) -> None:
    kpi = make_kpi(unit="%", metric="error_rate")
    version = targets.propose(kpi=kpi, actor=proposer, target="rate<0.01")
    assert (version.comparator, version.value, version.typed) == ("<", 1, "rate<0.01")


@pytest.mark.parametrize(
    ("kpi", "terms", "doubted"),
    [
        ({}, {"target": "< 95"}, {"target": "95 ratio is 9,500 %: did you mean 95 %?"}),
        ({}, {"target": "rate<2.5"}, {"target": "2.5 ratio is 250 %: did you mean 2.5 %?"}),
        ({}, {"comparator": "<", "value": 95.0}, {"value": "95 ratio is 9,500 %: did you mean 95 %?"}),
        (
            {}, {"target": "< 0.9", "alert_threshold": 95.0, "baseline": 80.0},
            {"alert_threshold": "95 ratio is 9,500 %: did you mean 95 %?", "baseline": "80 ratio is 8,000 %: did you mean 80 %?"},
        ),
        ({}, {"target": "< 1.9"}, {}),
        ({}, {"target": "< 250 %"}, {}),
        ({}, {"target": "< 3 ratio"}, {}),
        ({}, {"target": "<= +10%", "baseline": 3.0, "baseline_since": NOW}, {}),
        ({"metric": "cpu"}, {"target": "< 6"}, {}),
        ({"unit": "%"}, {"target": "< 95"}, {}),
    ],
)  # fmt: skip
def test_a_ratio_far_past_the_whole_is_taken_and_doubted(
    proposer: User, kpi: dict[str, str], terms: dict[str, object], doubted: dict[str, str]
) -> None:
    version = targets.propose(kpi=make_kpi(**{"unit": "ratio", **kpi}), actor=proposer, **terms)
    assert doubts(version, version.kpi) == doubted


def test_relative_text_takes_over_the_newest_baseline(proposer: User) -> None:
    kpi = make_kpi()
    make_target(kpi, "<", 500, baseline=800, baseline_on=NOW.date(), baseline_stated="700 to 900")
    version = targets.propose(kpi=kpi, actor=proposer, target="<= +10%")
    assert (version.value, version.baseline, version.baseline_on, version.baseline_stated) == (880, 800, NOW.date(), "700 to 900")


@pytest.mark.parametrize(
    ("kpi_fields", "fields", "field"),
    [
        ({}, {"target": "<= +10%"}, "target"),
        ({}, {"target": "fast"}, "target"),
        ({}, {"target": "> 500"}, "target"),
        ({}, {}, "target"),
        ({}, {"target": "< 5", "baseline": -1}, "baseline"),
        ({"unit": "ms"}, {"target": "< 0"}, "target"),
        ({"unit": "%", "metric": "availability", "direction": "higher"}, {"target": "> 100"}, "target"),
        ({}, {"target": "< 5", "effective_from": datetime(9999, 1, 1, tzinfo=UTC)}, "effective_from"),
        ({}, {"comparator": "<", "value": float("nan")}, "value"),
        ({"unit": "%", "metric": "error_rate"}, {"target": "< 101"}, "target"),
        ({"unit": "ratio", "metric": "error_rate"}, {"target": "< 101 %"}, "target"),
        ({"unit": "ratio", "metric": "error_rate"}, {"target": "< 1 %", "alert_threshold": 1.5}, "alert_threshold"),
        ({"unit": "%", "reference": 80, "reference_unit": "count"}, {"target": "< 101"}, "target"),
        ({}, {"target": "< 5", "baseline_on": NOW.date(), "due_on": NOW.date()}, "due_on"),
    ],
)
def test_what_cannot_be_is_told_by_field(
    proposer: User, kpi_fields: dict[str, str], fields: dict[str, object], field: str
) -> None:
    with pytest.raises(BadTarget) as caught:
        targets.propose(kpi=make_kpi(**kpi_fields), actor=proposer, **fields)
    assert list(caught.value.errors) == [field]


def test_more_than_one_core_passes_a_hundred_percent(proposer: User) -> None:
    kpi = make_kpi(unit="%", metric="cpu")
    assert targets.propose(kpi=kpi, actor=proposer, target="< 250 %").value == 250


@pytest.mark.parametrize(("unit", "figure"), [("%", 101), ("ratio", 1.01)])
def test_a_share_of_nobody_knows_what_is_measured_and_promised_past_the_whole(proposer: User, unit: str, figure: float) -> None:
    kpi = make_kpi(unit=unit)
    record_values(kpi, [figure])
    version = targets.propose(kpi=kpi, actor=proposer, target=f"< {figure}", alert_threshold=2 * figure, baseline=3 * figure)
    assert (version.value, kpi.series.get().measurements.get().value) == (figure, figure)


def test_a_decision_renews_what_the_judge_keeps(proposer: User, decider: User) -> None:
    kpi = make_kpi()
    record_values(kpi, [600])
    version = targets.propose(kpi=kpi, actor=proposer, target="< 500", alert_threshold=550)
    assert KpiState.objects.get(kpi=kpi).status == "no_target"
    targets.approve(target=version, actor=decider, now=NOW)
    assert KpiState.objects.get(kpi=kpi).status == "breached"
    assert Incident.objects.get(kpi=kpi).state == "firing"


def test_the_second_decision_is_told_who_was_first(proposer: User, decider: User) -> None:
    version = targets.propose(kpi=make_kpi(), actor=proposer, target="< 500")
    late = Target.objects.get(pk=version.pk)
    targets.approve(target=version, actor=decider, now=NOW)
    with pytest.raises(targets.Refused, match="decider was first: version 1 is already approved"):
        targets.reject(target=late, actor=decider, now=NOW)


def test_an_archived_kpi_keeps_its_target(proposer: User, decider: User) -> None:
    kpi = make_kpi()
    version = targets.propose(kpi=kpi, actor=proposer, target="< 500")
    KPI.objects.filter(pk=kpi.pk).update(archived_at=NOW)
    for verb in (
        lambda: targets.propose(kpi=kpi, actor=proposer, target="< 400"),
        lambda: targets.approve(target=version, actor=decider, now=NOW),
    ):
        with pytest.raises(targets.Refused, match="archived"):
            verb()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_ten_approvers_at_once_one_wins() -> None:
    proposer = User.objects.create(username="proposer")
    people = [User.objects.create(username=f"decider-{number}") for number in range(10)]
    version = targets.propose(kpi=make_kpi(), actor=proposer, target="< 500")
    start = Barrier(len(people))

    def decide(person: User) -> str:
        try:
            start.wait()
            targets.approve(target=Target.objects.get(pk=version.pk), actor=person, now=NOW)
        except targets.Refused as error:
            return str(error)
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(len(people)) as pool:
        told = list(pool.map(decide, people))
    version.refresh_from_db()
    assert sorted(told)[1:] == [f"{version.decided_by} was first: version 1 is already approved."] * 9
    assert people[told.index("")] == version.decided_by
    assert AuditEntry.objects.filter(action="target.approved").count() == 1


def test_overtaken_proposal_is_approved_no_more(proposer: User, decider: User) -> None:
    """Approved late, it would take force over what was agreed later, and nobody had compared the two."""
    kpi = make_kpi()
    older, newer = (targets.propose(kpi=kpi, actor=proposer, target=text) for text in ("< 500", "< 450"))
    targets.approve(target=newer, actor=decider, now=NOW)
    with pytest.raises(targets.Refused, match="Version 2, proposed later, was approved already"):
        targets.approve(target=older, actor=decider, now=NOW)
    assert targets.reject(target=older, actor=decider, now=NOW).decision == Decision.REJECTED


@pytest.mark.parametrize(("seen", "told"), [(0, "Version 1 is in force by now"), (1, "")])
def test_approver_is_told_what_took_force_since_they_looked(proposer: User, decider: User, seen: int, told: str) -> None:
    kpi = make_kpi()
    first, second = (targets.propose(kpi=kpi, actor=proposer, target=text) for text in ("< 500", "< 450"))
    targets.approve(target=first, actor=decider, now=NOW, seen=0)
    if told:
        with pytest.raises(targets.Refused, match=told):
            targets.approve(target=second, actor=decider, now=NOW, seen=seen)
    else:
        assert targets.approve(target=second, actor=decider, now=NOW, seen=seen).decision == Decision.APPROVED


@pytest.mark.parametrize(("since", "said"), [(None, "800 ms, as typed"), (NOW, "800 ms, measured")])
def test_a_typed_baseline_never_looks_measured(since: datetime | None, said: str) -> None:
    kpi = make_kpi(unit="ms")
    row = make_target(kpi, baseline=800, baseline_stated="mean of 99 runs", baseline_since=since)
    assert {line.label: line.after for line in difference(None, row, kpi)}["Baseline"] == said
