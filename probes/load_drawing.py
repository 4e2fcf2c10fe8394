"""The course of a load run as a drawing: stages along a line of time, and lines over them, in per cent of an SVG. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT, MOST_POINTS = 1000.0, 100.0, 240
SMALL = 22.0
"""A stage narrower than so many per cent cannot carry its name on a phone."""

BAR = 99.2
"""A stage's bar in per cent of its width: bars do not touch."""

NEAR = 5.0
"""So many times the highest value may a limit be and still be drawn."""

NICE = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True)
class Span:
    """One stage from `start` to `end`, in seconds of the run; `x` and `width` in per cent of the whole."""

    label: str
    start: float
    end: float
    whole: float
    state: str = "done"
    note: str = ""
    idle: bool = False
    reached: float = math.inf
    """Where the run has come to."""

    @property
    def gone(self) -> float:
        """How much of it has passed, in per cent of its bar."""
        return round(BAR * max(0.0, min(1.0, (self.reached - self.start) / (self.end - self.start))), 2)

    @property
    def x(self) -> float:
        return round(self.start / self.whole * 100, 2)

    @property
    def width(self) -> float:
        return round((self.end - self.start) / self.whole * 100, 2)

    @property
    def small(self) -> bool:
        return self.width < SMALL


@dataclass(frozen=True)
class Course:
    """A line over the time of a run. `limit_y` is where the limit stands, in per cent from the top; None where out of sight."""

    name: str
    unit: str
    line: str
    area: str
    top: float
    now: float | None
    limit: float | None = None
    limit_y: float | None = None
    ticks: list[float] = field(default_factory=list)


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def times(whole: float) -> list[str]:
    """Five marks along the time axis."""
    return [clock(whole * part / 4) for part in range(5)]


def nice(value: float) -> float:
    """The next round number, for the top of an axis."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in NICE if step * power >= value * 0.9999)


Points = Sequence[tuple[int, float]]


def course(
    name: str, unit: str, points: Points, whole: float, *, limit: float | None = None, most: float | None = None
) -> Course:
    """`points` are (second, value); `most` is what an axis never goes beyond. A limit far above all values is left out
    of sight, so that these can be read."""
    highest = max((value for _, value in points), default=0.0)
    near = limit is not None and (limit <= NEAR * highest or not highest)
    top = nice(max(highest, limit if limit and near else 0.0))
    top = min(top, most) if most else top
    line, area = paths(thinned(points), whole, top)
    limit_y = round(100 - limit / top * 100, 1) if limit and near else None
    now = points[-1][1] if points else None
    return Course(name, unit, line, area, top, now, limit, limit_y, [top, top / 2, 0])


def thinned(points: Points) -> list[tuple[int, float]]:
    """At most so many: of several neighbours the highest stands for all, so that no peak is hidden."""
    every = max(1, math.ceil(len(points) / MOST_POINTS))
    groups = [points[start : start + every] for start in range(0, len(points), every)]
    return [max(group, key=lambda point: point[1]) for group in groups]


def paths(points: Points, whole: float, top: float) -> tuple[str, str]:
    """The line and the area under it, broken where nothing was told for a while."""
    gap = max(3.0, 3 * whole / MOST_POINTS)
    pieces: list[list[str]] = []
    last = -math.inf
    for second, value in points:
        if second - last > gap:
            pieces.append([])
        x, y = (second + 0.5) / whole * WIDTH, HEIGHT - min(value, top) / top * HEIGHT
        pieces[-1].append(f"{x:.1f} {y:.1f}")
        last = second
    line = " ".join("M" + " L".join(piece if len(piece) > 1 else piece * 2) for piece in pieces)
    area = " ".join(f"M{_foot(piece[0])} L{' L'.join(piece)} L{_foot(piece[-1])} Z" for piece in pieces)
    return line, area


def _foot(point: str) -> str:
    return f"{point.split()[0]} {HEIGHT:g}"
