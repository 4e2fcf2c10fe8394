"""How closely the runs of a series follow each other, and so how many independent ones they are worth.

The warmth of a cache or the load of a day makes a run resemble the one before it. Then a mean of n runs varies as one of
fewer independent runs does: of n · R(0) / Σ R(k), with R(k) the autocovariance at lag k (Bayley & Hammersley 1946).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

QUIET = 5
"""So many lags in a row without autocorrelation end it (K of Politis & White 2004)."""

NOTICED = 1.645
"""Standard errors from which on a run's likeness to the one before it is no chance: 5 % of independent series reach it."""

SHORTEST = 8
"""In groups of fewer runs only a likeness beyond all chance is seen at all."""

CLOSEST = 0.99
"""Likeness of neighbours is taken as no more than this, where a series does nothing but drift."""


@dataclass(frozen=True)
class Dependence:
    """`growth`: how many times more the mean varies than one of independent runs. `reach`: Σ |k| R(k) / Σ R(k)."""

    growth: float
    reach: float
    rho: tuple[float, ...]

    def block(self, size: int) -> int:
        """Runs to draw together out of `size`: the length of least error for a circular block bootstrap.

        By Politis & White (2004) as corrected by Patton, Politis & White (2009): (2 G² / D)^⅓ n^⅓ with D = 4/3 g(0)².
        """
        return min(size, max(1, round((1.5 * self.reach**2 * size) ** (1 / 3))))

    def missed(self, block: int) -> float:
        """Of the growth, the factor that blocks of a length lose, as what lies in two of them is drawn apart (Künsch 1989)."""
        rho = np.asarray(self.rho[: block - 1])
        drawn = 1 + 2 * float(rho @ (1 - np.arange(1, len(rho) + 1) / block))
        return max(1.0, self.growth / max(drawn, 1.0))


INDEPENDENT = Dependence(1.0, 0.0, ())


def dependence(groups: Sequence[Floats]) -> Dependence:
    """Dependence within groups of values in the order of time, each around its own mean; negative one counts as none.

    Autocorrelations count up to the lag behind which `QUIET` in a row are insignificant, through a flat-top window (Politis
    & White 2004). This misses much in short series, so the growth is at least that of runs which each follow from the one
    before alone.
    """
    groups = [group for group in groups if len(group) > 1]
    total = sum(len(group) for group in groups)
    if total <= 3 * len(groups) + 1:
        return INDEPENDENT
    rho = _autocorrelation(groups, math.ceil(math.sqrt(total)) + QUIET)
    phi = _unbiased(float(rho[0]), total / len(groups))
    lags = _lags(rho, total)
    if not lags and (total < SHORTEST * len(groups) or phi < NOTICED / math.sqrt(total)):
        return INDEPENDENT
    wide = min(2 * max(1, lags), len(rho))
    k = np.arange(1, wide + 1)
    window = np.minimum(1.0, 2 * (1 - k / wide)) * rho[:wide]
    own = 1 + 2 * float(window.sum())
    growth = max(own, (1 + phi) / (1 - phi))
    if growth <= 1:
        return INDEPENDENT
    reach = 2 * float(k @ window) / own if own > 1 else 0.0
    return Dependence(growth, reach, tuple(rho.tolist()))


def likeness(groups: Sequence[Floats]) -> float:
    """How much of a run's distance from the mean of its group the next run keeps; 0 where that may be chance."""
    groups = [group for group in groups if len(group) > 1]
    total = sum(len(group) for group in groups)
    if total < SHORTEST * max(1, len(groups)):
        return 0.0
    phi = _unbiased(float(_autocorrelation(groups, 1)[0]), total / len(groups))
    return phi if phi >= NOTICED / math.sqrt(total) else 0.0


def _autocorrelation(groups: Sequence[Floats], most: int) -> Floats:
    """At the lags 1 … `most`, or as far as the longest group reaches, of all groups together in units of their spread."""
    found, size = np.zeros(min(most, max(len(group) for group in groups) - 1)), 0
    for group in groups:
        left = group - group.mean()
        spread = float(left @ left) / len(left)
        if spread <= 1e-24 * max(1.0, float(np.abs(group).max()) ** 2):
            continue  # the rest is what rounding left
        size += len(left)
        for lag in range(1, min(len(found), len(left) - 1) + 1):
            found[lag - 1] += float(left[lag:] @ left[:-lag]) / spread
    return found / max(1, size)


def _lags(rho: Floats, total: int) -> int:
    """The last lag before `QUIET` insignificant ones; 0 where there is none."""
    last = 0
    for lag in np.flatnonzero(np.abs(rho) >= 2 * math.sqrt(math.log10(total) / total)) + 1:
        if lag > last + QUIET:
            break
        last = int(lag)
    return last


def _unbiased(first: float, size: float) -> float:
    """The first autocorrelation, freed of the bias −(1 + 3 φ) / n that the own mean of each group brings (Kendall 1954)."""
    return min((first * size + 1) / (size - 3), CLOSEST) if size > 3 else first
