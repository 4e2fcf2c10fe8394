"""CI results: taken in, judged and stored in one transaction; invalidated, with everything that follows from them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypedDict

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts import audit
from accounts.models import User
from kpis import comment, points, recording, waivers
from kpis.commitments import goal_of, in_force
from kpis.formats import ParsedSample
from kpis.mapping import Refused, Sent, mapped_samples
from kpis.models import KPI, PERCENTILES, Direction, Sample, Submission
from kpis.units import factor
from kpis.verdict import MOST_HISTORY, Figure, Objective, Terms, Verdict, exit_code, figure_of, judge, missing, worst

MAIN = "main"
"""The branch whose results are the history that new ones are compared with."""


class KeyReused(ValueError):
    """The idempotency key came before, with another payload."""


class VerdictDocument(TypedDict):
    id: str
    url: Annotated[str, "Of the result's page."]
    format: str
    service: str
    environment: str
    commit: str
    branch: str
    verdict: Annotated[str, Verdict, "The worst of the objectives; what is missing adds `no_data`."]
    exit_code: Annotated[int, "0 passes, 1 failed, 3 is an error, 4 says nothing."]
    objectives: list[Annotated[dict[str, Any], Objective]]
    missing: Annotated[list[str], "Expected benchmarks that did not come."]
    unmapped: Annotated[list[str], "Benchmarks that belong to no KPI."]


class ResultDocument(VerdictDocument):
    markdown: Annotated[str, "For a comment or step summary."]


@dataclass(frozen=True)
class Judged:
    """A mapped sample with the figure it gives and the verdict on it."""

    sample: ParsedSample
    kpi: KPI
    figure: Figure
    objective: Objective


def repeated(*, actor: User, key: str, payload_sha256: str) -> Submission | None:
    """The submission that this key brought before. Raises KeyReused when it had another payload."""
    if not key:
        return None
    found = Submission.objects.filter(submitted_by=actor, idempotency_key=key).first()
    if found is not None and found.payload_sha256 != payload_sha256:
        raise KeyReused("This Idempotency-Key came before with another payload.")
    return found


def submit(
    *, sent: Sent, actor: User, now: datetime, scorecards: frozenset[str] | None = None, token: str = ""
) -> tuple[Submission, bool]:
    """Judge and store a result; whether it is new. Raises Refused or KeyReused, and then nothing is stored.

    Safe under concurrent calls with one key: the database lets one of them in, the others get its answer.
    """
    if before := repeated(actor=actor, key=sent.idempotency_key, payload_sha256=sent.payload_sha256):
        return before, False
    try:
        with transaction.atomic():
            return _store(sent, actor, now, scorecards, token), True
    except IntegrityError:
        if before := repeated(actor=actor, key=sent.idempotency_key, payload_sha256=sent.payload_sha256):
            return before, False
        raise
    except points.Rejected as error:
        raise Refused([(f"$.{name}", detail) for _, name, detail in error.errors]) from error


@transaction.atomic
def invalidate(*, submission: Submission, actor: User, why: str, now: datetime, token: str = "") -> Submission:
    """Take a result out of baselines and actuals, for a reason; the row itself stays. Raises Refused."""
    row = Submission.objects.select_for_update().get(pk=submission.pk)
    if not why.strip():
        raise Refused([("$.why", "Say why.")])
    if row.invalidated_at is not None:
        raise Refused([("$", "It is invalidated already.")])
    row.invalidated_at, row.invalidated_by, row.invalidated_why = now, actor, why.strip()
    row.save(update_fields=["invalidated_at", "invalidated_by", "invalidated_why"])
    gone = recording.withdraw(origin=f"result:{row.pk}", now=now)
    audit.record(
        actor=actor, action="result.invalidate", subject=row, after={"measurements_withdrawn": gone}, why=row.invalidated_why,
        token=token,
    )  # fmt: skip
    return row


def _store(sent: Sent, actor: User, now: datetime, scorecards: frozenset[str] | None, token: str) -> Submission:
    mapped, unmapped = mapped_samples(sent, scorecards)
    at = sent.started_at or now
    submission = Submission.objects.create(
        id=uuid.uuid4(),
        scorecard=_common_scorecard(kpi for _, kpi in mapped),
        service=sent.service,
        environment=sent.environment,
        commit=sent.commit,
        branch=sent.branch,
        pull_request=sent.pull_request,
        run_url=sent.run_url,
        testbed=sent.testbed,
        format=sent.format,
        payload_sha256=sent.payload_sha256,
        idempotency_key=sent.idempotency_key,
        submitted_by=actor,
        token=token,
        started_at=sent.started_at,
        verdict=Verdict.NO_DATA,
        document={},
    )
    judged = _judge(sent, mapped, now, submission)
    Sample.objects.bulk_create([*(_mapped_row(submission, one) for one in judged), *(_row(submission, s) for s in unmapped)])
    recording.record(_points(submission, judged, sent, at), now=now)
    document = _document(submission, judged, sent, unmapped)
    submission.document, submission.verdict = document, document["verdict"]
    submission.save(update_fields=["document", "verdict"])
    audit.record(actor=actor, action="result.submit", subject=submission, after={"verdict": submission.verdict}, token=token)
    return submission


def _judge(sent: Sent, mapped: Sequence[tuple[ParsedSample, KPI]], now: datetime, submission: Submission) -> list[Judged]:
    """By what holds when the result arrives: a time that its sender names could choose an older, softer target. The
    measurement itself is of its own time, and judged by the version of that wherever it is shown."""
    targets = in_force({kpi.pk: kpi for _, kpi in mapped}.values(), now)
    waived = _waived({kpi.pk for _, kpi in mapped}, sent.subject, now)
    judged = []
    for sample, kpi in mapped:
        target = targets.get(kpi.pk)
        aggregation = f"p({kpi.aggregation[1:]})" if kpi.aggregation in PERCENTILES else ""
        terms = Terms(
            kpi=kpi.key,
            subject=sent.subject,
            unit=kpi.unit,
            aggregation=kpi.aggregation,
            lower_is_better=kpi.direction == Direction.LOWER,
            freshness_s=kpi.freshness_s,
            goal=goal_of(target, kpi) if target else None,
            target=f"{aggregation}{target.comparator}{target.value:g}" if target else "",
            target_version=target.number if target else None,
            waived_until=waived.get(kpi.pk),
        )
        figure = figure_of(sample, aggregation=kpi.aggregation, unit=kpi.unit)
        judged.append(Judged(sample, kpi, figure, judge(sample, terms, figure, _history(kpi, sample, submission), at=now)))
    return judged


def _history(kpi: KPI, sample: ParsedSample, submission: Submission) -> list[float]:
    """The newest results of the same benchmark on main, valid and without failures, in the KPI's unit."""
    rows = Sample.objects.filter(
        kpi=kpi,
        name=sample.name,
        unit=kpi.unit,
        failures=0,
        submission__service=submission.service,
        submission__environment=submission.environment,
        submission__branch=MAIN,
        submission__invalidated_at=None,
    ).exclude(submission=submission)
    return list(rows.order_by("-submission__received_at", "-pk").values_list("value", flat=True)[:MOST_HISTORY])


def _waived(kpi_ids: Iterable[int], subject: str, now: datetime) -> dict[int, datetime]:
    rows = waivers.in_force(now).filter(Q(subject="") | Q(subject=subject), kpi_id__in=kpi_ids)
    return dict(rows.order_by("expires_at").values_list("kpi_id", "expires_at"))


def _mapped_row(submission: Submission, one: Judged) -> Sample:
    """A sample in its KPI's unit; one that is not comparable stays as it came, and out of every history."""
    if one.figure.value is None:
        return _row(submission, one.sample)
    row = _row(submission, one.sample)
    row.kpi, row.value, row.unit, row.reported = one.kpi, one.figure.value, one.kpi.unit, one.figure.reported
    row.histogram = _scaled(one)
    return row


def _row(submission: Submission, sample: ParsedSample) -> Sample:
    return Sample(
        submission=submission,
        name=sample.name,
        metric=sample.metric,
        value=sample.value,
        unit=sample.unit,
        count=sample.count,
        failures=sample.failures,
        histogram=sample.histogram.to_bytes() if sample.histogram else None,
        reported=sample.reported,
    )


def _scaled(one: Judged) -> bytes | None:
    if one.sample.histogram is None:
        return None
    return one.sample.histogram.scaled(factor(one.sample.unit, one.kpi.unit)).to_bytes()


def _points(submission: Submission, judged: Sequence[Judged], sent: Sent, at: datetime) -> list[points.Point]:
    """One measurement per KPI: of several benchmarks the worst one. What failed or cannot be compared gives none."""
    kept: dict[int, Judged] = {}
    for one in judged:
        if one.figure.value is None or one.objective.verdict == Verdict.ERROR:
            continue
        other = kept.get(one.kpi.pk)
        if other is None or other.figure.value is None or _worse(one.kpi, one.figure.value, other.figure.value):
            kept[one.kpi.pk] = one
    return [_point(submission, one, sent, at) for one in kept.values()]


def _worse(kpi: KPI, value: float, other: float) -> bool:
    return value > other if kpi.direction == Direction.LOWER else value < other


def _point(submission: Submission, one: Judged, sent: Sent, at: datetime) -> points.Point:
    scale = factor(one.sample.unit, one.kpi.unit)
    histogram = one.sample.histogram.scaled(scale) if one.sample.histogram else None
    value = one.sample.value * scale if histogram or one.figure.value is None else one.figure.value
    return points.Point(
        kpi=one.kpi,
        subject=sent.subject,
        environment=sent.environment,
        at=at,
        value=value,
        count=one.sample.count,
        histogram=histogram,
        reported=one.figure.reported,
        origin=f"result:{submission.pk}",
    )


def _common_scorecard(kpis: Iterable[KPI]) -> Any:
    cards = {kpi.scorecard_id: kpi.scorecard for kpi in kpis}
    return next(iter(cards.values())) if len(cards) == 1 else None


def _document(submission: Submission, judged: Sequence[Judged], sent: Sent, unmapped: Sequence[ParsedSample]) -> ResultDocument:
    gone = missing(sent.expected, [sample.name for sample in sent.parsed.samples])
    verdict = worst([*(one.objective.verdict for one in judged), *([Verdict.NO_DATA] if gone else [])])
    document: VerdictDocument = {
        "id": str(submission.pk),
        "url": f"{settings.BASE_URL}/results/{submission.pk}/",
        "format": submission.format,
        "service": submission.service,
        "environment": submission.environment,
        "commit": submission.commit,
        "branch": submission.branch,
        "verdict": verdict.value,
        "exit_code": exit_code(verdict, inconclusive_passes=bool(getattr(settings, "INCONCLUSIVE_PASSES", False))),
        "objectives": [one.objective.as_dict() for one in judged],
        "missing": gone,
        "unmapped": [sample.name for sample in unmapped],
    }
    return {**document, "markdown": comment.markdown(document)}
