"""What a histogram costs: recording, merging, size, and the error of its percentiles."""

from __future__ import annotations

import math
import time

import numpy as np

from benchmarks.table import Line
from kpis.stats.histogram import Histogram

SAMPLES = 200_000


def measure() -> list[Line]:
    values = np.random.default_rng(1).lognormal(4, 1, SAMPLES)
    began = time.perf_counter()
    histogram = Histogram.from_counts(values)  # type: ignore[arg-type]
    recording = (time.perf_counter() - began) / SAMPLES * 1e9
    parts = [Histogram.from_counts(part) for part in np.array_split(values, 8)]
    began = time.perf_counter()
    merged = Histogram.merge(parts)
    merging = (time.perf_counter() - began) * 1e3
    exact = np.sort(values)
    ranks = {p: math.ceil(p / 100 * SAMPLES - 1e-9) for p in (50, 90, 95, 99, 99.9)}
    worst = max(abs(merged.percentile(p) / float(exact[rank - 1]) - 1) for p, rank in ranks.items())
    return [
        Line("recording a sample in a histogram", f"{recording:.0f} ns"),
        Line("merging 8 histograms", f"{merging:.2f} ms"),
        Line(f"{SAMPLES:,} samples, stored", f"{len(histogram.to_bytes()):,} bytes"),
        Line("largest error of a percentile", f"{worst * 100:.3f} %", "", "", "≤ 0.2 %", worst <= 0.002),
    ]
