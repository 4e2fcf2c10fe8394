"""`kpis/…/comparison/`: one side against the other, change points, and where the trend leads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, TypedDict

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Scope, scopes
from accounts.problems import invalid
from kpis.api import payload
from kpis.api.lookup import kpi_or_404
from kpis.changes import Changes, changes
from kpis.comparing import Compared, Course, Shift
from kpis.history import history
from kpis.models import KPI
from kpis.report import stands_for
from kpis.sides import DRAWN, MOST_RUNS, BadSide, Sides, Window, of_versions, of_windows
from kpis.standing import standing
from kpis.stats.change import Verdict
from kpis.stats.trend import Forecast, Trend

BOUNDS = ("before_from", "before_to", "after_from", "after_to")


class ChangeOut(TypedDict):
    verdict: Annotated[Verdict, "`unchanged`: the interval holds 0, not that nothing changed."]
    word: Annotated[str, "Verdict and judgement in words: `Lower, better`."]
    better: Annotated[bool | None, "Null where neither is certain."]
    by: Annotated[str, "What was compared: means weighted by samples, or percentiles of merged samples."]
    before: Annotated[float | None, "In `unit`."]
    after: Annotated[float | None, "In `unit`."]
    relative: Annotated[float | None, "−0.2 is 20 % less; null where it cannot be told, and `reason` says why."]
    low: Annotated[float | None, "Lower end of the 95 % interval of `relative`."]
    high: Annotated[float | None, "Upper end of the 95 % interval of `relative`."]
    runs_before: Annotated[int, "How many of `drawn_before` there are."]
    runs_after: int
    drawn_before: Annotated[str, "What is drawn again for the interval: run, hour or day."]
    drawn_after: str
    effective_before: Annotated[
        float | None, "How many independent runs those of the side are worth; null where nothing was drawn."
    ]
    effective_after: float | None
    block: Annotated[int | None, "How many runs were drawn together, as they follow each other; 1: each alone."]
    left_out: Annotated[int, "Percentiles that came ready-made: they cannot be merged."]
    reason: str


class ChangePointOut(TypedDict):
    at: datetime
    before: Annotated[float, "The level before, in `unit`."]
    after: float
    relative: Annotated[float | None, "Null where the level before was 0."]
    p: Annotated[float, "How likely so much change is by chance alone."]


class ForecastOut(TypedDict):
    """When the target is reached; null: never, or nobody can tell."""

    reached: bool
    earliest_at: datetime | None
    expected_at: datetime | None
    latest_at: datetime | None
    reason: str


class TrendOut(TypedDict):
    """The line since the last change point."""

    per_day: Annotated[float, "Slope, in `unit` per day."]
    low: Annotated[float, "Lower end of the 95 % interval of the slope."]
    high: Annotated[float, "Upper end of the 95 % interval of the slope."]
    level: Annotated[float, "In `unit`, at the last point."]


class ComparisonOut(TypedDict):
    unit: str
    subject: Annotated[str | None, "The series that is looked at; null: all combined."]
    split: Annotated[datetime | None, "What parts before from after; null where windows or versions were asked for."]
    before: str | None
    after: str | None
    change: Annotated[ChangeOut | None, "Null: there was nothing to compare."]
    change_points: Annotated[list[ChangePointOut] | None, "Null: too few points to tell."]
    forecast: Annotated[ForecastOut | None, "Null without a target in force, or without points."]
    trend: Annotated[TrendOut | None, "Null: too few points to tell."]


@extend_schema(
    responses=ComparisonOut,
    parameters=[
        *(OpenApiParameter(name, datetime, description="An end of a window: all four, or none.") for name in BOUNDS),
        OpenApiParameter("before", str, description="A version: the beginning of a commit that CI sent results for."),
        OpenApiParameter("after", str, description="The version that is compared with it."),
        OpenApiParameter("at", datetime, description="What parts before from after; default: the middle of what was measured."),
        OpenApiParameter("from", datetime, description="Start of the course that is looked at. Default: 7 days before `to`."),
        OpenApiParameter("to", datetime, description="Default: now."),
    ],
)
@scopes(GET=Scope.READ)
@api_view(["GET"])
def kpi_comparison(request: Request, scorecard: str, key: str) -> Response:
    """The relative change between two windows or versions, with its 95 % interval (bootstrap by run), counts and verdict.

    `effective_…` is how many independent runs those of a side are worth, and `block` how many were drawn together, as runs
    follow each other; null where nothing was drawn.

    Without either, the course from `from` to `to` is parted at `at`. Change points and the forecast are those of the course:
    that of `subject`, the series that the sides come from, or of all combined where `subject` is null.
    """
    kpi, now = kpi_or_404(request, scorecard, key), timezone.now()
    times, wrong = payload.asked_moments(request.query_params, "from", "to", "at", *BOUNDS)
    if wrong:
        raise invalid(wrong)
    end = times.get("to") or now + timedelta(microseconds=1)
    start = times.get("from") or end - timedelta(days=7)
    if start >= end:
        raise invalid([{"path": "from", "detail": "Lies before `to`."}])
    stands = standing(kpi, now=now)
    where = stands_for(stands)
    sides = _sides(request, kpi, times, where)
    where = sides.where if sides else where
    subject, environment = where.get("subject", ""), where.get("environment")
    course = history(kpi, start=start, end=end, points=MOST_RUNS, subject=subject, environment=environment)
    actual = stands.actual if course.points and where == stands_for(stands) else None
    drawn = DRAWN[course.resolution]
    told = changes(kpi, course.points, stands.goal, drawn=drawn, actual=actual, at=times.get("at"), sides=sides)
    return Response(_shape(kpi, told, where.get("subject", "")))


def _sides(request: Request, kpi: KPI, times: Mapping[str, datetime], where: dict[str, str]) -> Sides | None:
    asked = request.query_params
    try:
        if asked.get("before") or asked.get("after"):
            return of_versions(kpi, asked.get("before", ""), asked.get("after", ""))
        if any(name in times for name in BOUNDS):
            before, after = _windows(times)
            return of_windows(kpi, before, after, **where)
    except BadSide as error:
        raise invalid([{"path": error.field, "detail": str(error)}]) from error
    return None


def _windows(times: Mapping[str, datetime]) -> tuple[Window, Window]:
    if missing := [name for name in BOUNDS if name not in times]:
        raise invalid([{"path": name, "detail": "Two windows have four ends."} for name in missing])
    ends = [times[name] for name in BOUNDS]
    return Window(ends[0], ends[1]), Window(ends[2], ends[3])


def _shape(kpi: KPI, told: Changes, subject: str) -> ComparisonOut:
    course = told.course
    return {
        "unit": kpi.unit,
        "subject": subject or None,
        "split": told.split,
        "before": told.before or None,
        "after": told.after or None,
        "change": _change(told, told.told) if told.told else None,
        "change_points": None if course.shifts is None else [_shift(shift) for shift in course.shifts],
        "forecast": _forecast(course, course.forecast) if course.forecast else None,
        "trend": _trend(course.line) if course.line else None,
    }


def _change(told: Changes, compared: Compared) -> ChangeOut:
    one = compared.change
    return {
        "verdict": one.verdict, "word": compared.word, "better": compared.better, "by": compared.by,
        "before": one.before, "after": one.after, "relative": one.relative, "low": one.low, "high": one.high,
        "runs_before": one.runs_before, "runs_after": one.runs_after, "drawn_before": told.drawn_before,
        "drawn_after": told.drawn_after, "effective_before": one.effective_before, "effective_after": one.effective_after,
        "block": one.block, "left_out": compared.left_out, "reason": one.reason,
    }  # fmt: skip


def _shift(shift: Shift) -> ChangePointOut:
    return {"at": shift.at, "before": shift.before, "after": shift.after, "relative": shift.relative, "p": shift.p}


def _forecast(course: Course, ahead: Forecast) -> ForecastOut:
    return {
        "reached": ahead.reached, "earliest_at": course.earliest_at, "expected_at": course.expected_at,
        "latest_at": course.latest_at, "reason": ahead.reason,
    }  # fmt: skip


def _trend(line: Trend) -> TrendOut:
    return {"per_day": line.slope, "low": line.low, "high": line.high, "level": line.last_value}
