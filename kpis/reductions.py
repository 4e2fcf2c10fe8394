"""A figure told as a reduction: people give the raw figure, and how much less it is than a reference is computed. Pure."""

from __future__ import annotations

from kpis.units import factor

SHARES = ("%", "ratio")
"""Units that a reduction can have."""

AGGREGATIONS = ("last", "mean", "min", "max")
"""What may become of reductions: a sum of them means nothing, and their percentiles are not those of the raw figures."""


def reduction(raw: float, *, reference: float, unit: str) -> float:
    """How much less `raw` is than `reference` (both in one unit), in `unit`: (reference − raw) ÷ reference.

    Below 0 when it became more. Linear, so that a mean of reductions is the reduction of the mean.
    """
    return (reference - raw) / reference * factor("ratio", unit)


def raw_figure(value: float, *, reference: float, unit: str) -> float:
    """The raw figure behind a reduction: what `reduction` gives the value of."""
    return reference * (1 - value / factor("ratio", unit))
