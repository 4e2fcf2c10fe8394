"""Where KPIs stand: actual, target in force, status. The read side of everything: pages, API, badges, gates, exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from kpis import current, waivers
from kpis.actual import Combined, SeriesFigure, combine, counted
from kpis.commitments import goal_of, in_force
from kpis.current import Known
from kpis.evaluation import Evaluation, Goal, Memory, Point, Status, evaluate
from kpis.models import KPI, Direction, KpiState, Target

WORDS = {
    Status.NO_DATA: "no data",
    Status.STALE: "stale",
    Status.NO_TARGET: "no target",
    Status.BREACHED: "breached",
    Status.MET: "met",
    Status.ON_TRACK: "on track",
    Status.BEHIND: "behind",
}


class SeriesStanding(msgspec.Struct, frozen=True):
    """One series of a KPI; judged for itself where somebody asks, since most pages ask of the KPI alone."""

    figure: SeriesFigure
    counts: bool
    goal: Goal | None
    freshness_s: int
    now: datetime
    waived_until: datetime | None = None

    @property
    def subject(self) -> str:
        return self.figure.subject

    @property
    def environment(self) -> str:
        return self.figure.environment

    @property
    def value(self) -> float:
        return self.figure.value

    @property
    def count(self) -> int:
        return self.figure.count

    @property
    def at(self) -> datetime:
        return self.figure.at

    @property
    def origin(self) -> str:
        return self.figure.origin

    @property
    def status(self) -> Status:
        points = [Point(self.figure.at, self.figure.value)]
        return evaluate(self.goal, points, now=self.now, freshness_s=self.freshness_s).status


@dataclass(frozen=True)
class Standing:
    """One KPI, judged. Figures are in the KPI's unit; what is None was not stated or not measured.

    `waived_until` is that of the KPI as a whole. Where only some subjects are waived, the others are what it is judged by.
    """

    kpi: KPI
    judgement: Evaluation
    since: datetime | None
    actual: float | None
    count: int
    stands: SeriesFigure | None
    """The series that stands for the KPI: the worst, where there are several."""
    alone: bool
    """Whether the actual is the figure of that series, not one of several combined."""
    stale_subjects: tuple[str, ...]
    series: tuple[SeriesStanding, ...]
    target: Target | None
    goal: Goal | None
    waived_until: datetime | None

    @property
    def status(self) -> Status:
        return self.judgement.status

    @property
    def attainment(self) -> float | None:
        return self.judgement.attainment

    @property
    def asked(self) -> float | None:
        return self.judgement.asked

    @property
    def memory(self) -> Memory:
        return self.judgement.memory

    @property
    def at(self) -> datetime | None:
        return self.stands.at if self.stands else None

    @property
    def origin(self) -> str:
        return self.stands.origin if self.stands else ""

    @property
    def worst_subject(self) -> str:
        return self.stands.subject if self.stands else ""

    @property
    def reported(self) -> bool:
        return self.stands is not None and self.stands.reported

    @property
    def unit(self) -> str:
        return self.kpi.unit

    @property
    def target_text(self) -> str:
        return f"{self.target.comparator} {self.target.value:g}" if self.target else ""

    @property
    def baseline(self) -> float | None:
        return self.target.baseline if self.target else None

    @property
    def alert_threshold(self) -> float | None:
        return self.target.alert_threshold if self.target else None

    @property
    def waived_subjects(self) -> tuple[str, ...]:
        """What does not count while the rest does."""
        return tuple(dict.fromkeys(row.subject for row in self.series if row.waived_until)) if not self.waived_until else ()

    @property
    def word(self) -> str:
        return WORDS[self.status]


def standing(kpi: KPI, *, now: datetime) -> Standing:
    """Where one KPI stands at `now`."""
    return standings([kpi], now=now)[0]


def standings(kpis: Iterable[KPI], *, now: datetime, with_waivers: bool = True) -> list[Standing]:
    """Where KPIs stand at `now`, in their order; a constant number of queries, independent of history.

    Without waivers it is what the judge keeps: they are laid over what was measured only when somebody looks.
    """
    listed = list(kpis)
    ids = [kpi.pk for kpi in listed]
    figures = series_figures(ids)
    targets = in_force(listed, now)
    waived = waivers.by_subject(ids, now) if with_waivers else {}
    memories = {state.kpi_id: Memory.from_dict(state.memory) for state in KpiState.objects.filter(kpi_id__in=ids)}
    return [
        judged(kpi, figures.get(kpi.pk, []), targets.get(kpi.pk), waived.get(kpi.pk, {}), memories.get(kpi.pk), now)
        for kpi in listed
    ]


def judged(
    kpi: KPI,
    figures: Sequence[SeriesFigure],
    target: Target | None,
    waived: Mapping[str, datetime],
    memory: Memory | None,
    now: datetime,
    path: Sequence[Point] = (),
) -> Standing:
    """Judge one KPI by what its series say: it is stale as soon as any series that counts is.

    `waived` says until when a subject does not count; the subject "" is the KPI as a whole.
    """
    goal = goal_of(target, kpi) if target else None
    everything = counted(figures, across=kpi.across, named=kpi.across_subject)
    counting, waived_until = _unwaived(everything, waived)
    combined = _combined(kpi, counting)
    actual, count, stands, alone = combined or (None, 0, None, False)
    rest = len(counting) < len(everything)
    if rest and actual is not None:
        path, memory = (), _of_the_rest(memory, goal, actual)
    times = [figure.at for figure in counting]
    points = [*(point for point in path if point.at < max(times)), Point(max(times), actual)] if actual is not None else []
    verdict = evaluate(goal, points, now=now, previous=memory, freshness_s=kpi.freshness_s, oldest_at=min(times, default=None))
    limit, counts = timedelta(seconds=kpi.freshness_s), {id(figure) for figure in counting}
    return Standing(
        kpi=kpi,
        judgement=verdict,
        since=None if rest and memory is None else verdict.since,
        actual=actual,
        count=count,
        stands=stands,
        alone=alone,
        stale_subjects=tuple(figure.subject for figure in counting if figure.at + limit < now),
        series=tuple(
            SeriesStanding(figure, id(figure) in counts, goal, kpi.freshness_s, now, waived.get(figure.subject))
            for figure in figures
        ),
        target=target,
        goal=goal,
        waived_until=waived_until,
    )


def _combined(kpi: KPI, counting: Sequence[SeriesFigure]) -> Combined | None:
    return combine(
        counting,
        across=kpi.across,
        aggregation=kpi.aggregation,
        lower_is_better=kpi.direction == Direction.LOWER,
        named=kpi.across_subject,
    )


def counts(standings: Iterable[Standing]) -> dict[str, int]:
    """How many KPIs have each status, every status apart; a waived one counts once, under `waived`."""
    found = dict.fromkeys((*Status, "waived"), 0)
    for one in standings:
        found["waived" if one.waived_until else one.status] += 1
    return {str(status): number for status, number in found.items()}


def headline(standings: Sequence[Standing]) -> str:
    """One sentence that hides no absence: "4 of 6 targets are met, 1 is breached, 1 has no data."; targets are those in force."""
    if not standings:
        return "No KPIs yet."
    found = counts(standings)
    met, total = found[Status.MET], sum(one.target is not None for one in standings)
    parts = [f"{met} of {total} {'targets are' if total != 1 else 'target is'} met"] if total else ["No target is in force"]
    words = {
        str(Status.BREACHED): ("is breached", "are breached"),
        str(Status.BEHIND): ("is behind", "are behind"),
        str(Status.ON_TRACK): ("is on track", "are on track"),
        str(Status.STALE): ("is stale", "are stale"),
        str(Status.NO_DATA): ("has no data", "have no data"),
        str(Status.NO_TARGET): ("has no target", "have no target"),
        "waived": ("is waived", "are waived"),
    }
    parts += [f"{found[status]} {forms[found[status] != 1]}" for status, forms in words.items() if found[status]]
    return ", ".join(parts) + "."


def series_figures(kpi_ids: Sequence[int]) -> dict[int, list[SeriesFigure]]:
    """What every enabled series says, by KPI id: one query. Histograms only where series are merged."""
    return figures_of(current.read(kpi_ids))


def figures_of(series: Iterable[Known]) -> dict[int, list[SeriesFigure]]:
    """The same of series that were read already."""
    found: dict[int, list[SeriesFigure]] = {}
    for row in series:
        if row.enabled and row.at is not None:
            found.setdefault(row.kpi_id, []).append(
                SeriesFigure(
                    row.subject, row.environment, row.at, row.value, row.samples, row.origin, row.histogram, row.reported
                )
            )
    return found


def _unwaived(counting: list[SeriesFigure], waived: Mapping[str, datetime]) -> tuple[list[SeriesFigure], datetime | None]:
    """The series that still count, and until when the KPI as a whole is waived: also when each of its subjects is.

    What is waived as a whole is still shown by all that was measured.
    """
    if not waived or "" in waived or not counting:
        return counting, waived.get("")
    left = [figure for figure in counting if figure.subject not in waived]
    return (left, None) if left else (counting, min(waived[figure.subject] for figure in counting))


def _of_the_rest(memory: Memory | None, goal: Goal | None, value: float) -> Memory | None:
    """What the judge remembers is of all series; of those that are left it holds only while they too are past the threshold."""
    return memory if memory and goal and goal.alerted_by(value) else None
