"""The matrix of risks, in a view box of its own: likelihood to the right, impact upwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadmap.drawing.timeline import Mark

CELL_W, CELL_H, GAP, LEFT, TOP = 86, 60, 2, 35, 9


@dataclass(frozen=True, slots=True)
class Cell:
    x: int
    y: int
    score: int
    level: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Arrow:
    x1: float
    y1: float
    x2: float
    y2: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A risk as the matrix needs it: (likelihood, impact) before treatment and now."""

    text: str
    inherent: tuple[int, int] | None
    current: tuple[int, int] | None
    triggered: bool = False


@dataclass(frozen=True, kw_only=True)
class Matrix:
    cells: tuple[Cell, ...]
    dots: tuple[Dot, ...]
    arrows: tuple[Arrow, ...]
    columns: tuple[Mark, ...]
    rows: tuple[Mark, ...]


def centre(likelihood: int, impact: int) -> tuple[float, float]:
    return (
        LEFT + (likelihood - 1) * (CELL_W + GAP) + CELL_W / 2,
        TOP + (5 - impact) * (CELL_H + GAP) + CELL_H / 2 + 6,
    )


def matrix(risks: Sequence[Placed], levels: Sequence[tuple[int, str]]) -> Matrix:
    """`levels` are (highest score, name) from low up. Inherent dots lie beside the current ones of their cell."""
    cells = tuple(
        Cell(
            LEFT + (likelihood - 1) * (CELL_W + GAP),
            TOP + (5 - impact) * (CELL_H + GAP),
            likelihood * impact,
            next(name for limit, name in levels if likelihood * impact <= limit),
        )
        for likelihood in range(1, 6)
        for impact in range(1, 6)
    )
    spots = _spots(risks)
    dots: list[Dot] = []
    arrows: list[Arrow] = []
    for risk in risks:
        before, now = spots.get((risk.text, "inherent")), spots.get((risk.text, "current"))
        if before and risk.inherent != risk.current:
            dots.append(Dot(*before, risk.text, "inherent"))
        if now:
            dots.append(Dot(*now, risk.text, "triggered" if risk.triggered else "current"))
        if before and now and risk.inherent != risk.current:
            arrows.append(_arrow(before, now, "triggered" if risk.triggered else "eased"))
    dots.sort(key=lambda dot: dot.kind != "inherent")
    return Matrix(
        cells=cells,
        dots=tuple(dots),
        arrows=tuple(arrows),
        columns=tuple(Mark(centre(step, 1)[0], str(step)) for step in range(1, 6)),
        rows=tuple(Mark(centre(1, step)[1] - 2, str(step)) for step in range(1, 6)),
    )


def _spots(risks: Sequence[Placed]) -> dict[tuple[str, str], tuple[float, float]]:
    """Where each dot stands: those of one cell side by side, at most 26 units apart and never out of their cell."""
    wanted: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for risk in risks:
        if risk.inherent and risk.inherent != risk.current:
            wanted.setdefault(risk.inherent, []).append((risk.text, "inherent"))
        if risk.current:
            wanted.setdefault(risk.current, []).append((risk.text, "current"))
    spots = {}
    for cell, names in wanted.items():
        x, y = centre(*cell)
        step = min(26.0, (CELL_W - 28) / max(1, len(names) - 1))
        for index, name in enumerate(names):
            spots[name] = (round(x + (index - (len(names) - 1) / 2) * step, 1), y)
    return spots


def _arrow(before: tuple[float, float], now: tuple[float, float], kind: str) -> Arrow:
    """From rim to rim: 12 units off the first centre, 18 off the second."""
    dx, dy = now[0] - before[0], now[1] - before[1]
    length = max((dx * dx + dy * dy) ** 0.5, 31.0)
    ux, uy = dx / length, dy / length
    return Arrow(
        round(before[0] + 12 * ux, 1), round(before[1] + 12 * uy, 1), round(now[0] - 18 * ux, 1), round(now[1] - 18 * uy, 1), kind
    )
