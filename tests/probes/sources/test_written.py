"""Figures as programs write them."""

from __future__ import annotations

from typing import Any

import pytest

from probes.sources.written import NoFigure, figure


@pytest.mark.parametrize(
    ("written", "unit", "value"),
    [
        (33.3, "%", 33.3), (7, "count", 7), ("33.3%", "%", 33.3), ("33.3%", "ratio", 0.333), ("0.25 s", "ms", 250),
        ("1,250 ms", "ms", 1250), (" 12 ", "count", 12), ("-3", "count", -3), ("1.5 GB", "MB", 1500), ("1e3", "ms", 1000),
    ],
)  # fmt: skip
def test_a_figure_is_read_in_the_unit_that_was_asked_for(written: Any, unit: str, value: float) -> None:
    assert figure(written, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    "written", [True, None, [], {}, "", "fine", "33.3 furlongs", "33%", "NaN", float("nan"), float("inf"), 10**400, "9" * 400]
)
def test_what_is_no_figure_of_that_unit_is_refused(written: Any) -> None:
    with pytest.raises(NoFigure):
        figure(written, "ms")
