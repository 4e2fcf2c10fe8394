from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis import rollups
from kpis.actual import Stretch, aggregate
from kpis.models import Measurement, Rollup
from kpis.stats.histogram import Histogram
from tests.kpis.factories import NOW

START = rollups.bucket(NOW, "day")
samples = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=5)
runs = st.lists(st.tuples(st.integers(0, 86399), samples), min_size=1, max_size=12, unique_by=lambda run: run[0])


def measured(second: int, values: list[float]) -> Measurement:
    histogram = Histogram.from_values(values)
    at, mean = START + timedelta(seconds=second), sum(values) / len(values)
    return Measurement(series_id=1, at=at, value=mean, count=len(values), histogram=histogram.to_bytes(), origin=f"run:{second}")


def rolled(rows: list[Measurement], resolution: str) -> list[Stretch]:
    sent = [rollups.Row(1, row.at, row.origin, row.value, row.count, row.histogram, row.reported, None, "", NOW) for row in rows]
    sums = [dict(zip(rollups.Sums._fields, one, strict=True)) for one in rollups.summed(sent, {1: 95})]
    found = [Rollup(count=one.pop("samples"), **one) for one in sums if one["resolution"] == resolution]
    return sorted((rollups.stretch_of_rollup(row) for row in found), key=lambda stretch: stretch.at)


@pytest.mark.parametrize("aggregation", ["last", "mean", "sum", "min", "max", "p50", "p90", "p95", "p99"])
@given(runs)
def test_a_rollup_says_what_the_raw_measurements_say(aggregation: str, sent: list[tuple[int, list[float]]]) -> None:
    rows = [measured(*run) for run in sent]
    raw = aggregate(aggregation, [rollups.stretch_of(row) for row in sorted(rows, key=lambda row: row.at)])
    for resolution in ("hour", "day"):
        found = aggregate(aggregation, rolled(rows, resolution))
        assert found.value == pytest.approx(raw.value, rel=1e-9)
        assert found.reported is raw.reported
        if aggregation != "last":
            assert (found.count, found.histogram) == (raw.count, raw.histogram)


@pytest.mark.parametrize("figures", [[400.0], [400.0, 400.0], [777.7]])
def test_a_percentile_of_lone_samples_lies_between_the_lowest_and_the_highest(figures: list[float]) -> None:
    rows = [measured(second, [figure]) for second, figure in enumerate(figures)]
    raw = aggregate("p95", [rollups.stretch_of(row) for row in rows])
    assert raw.value == aggregate("p95", rolled(rows, "hour")).value == figures[-1]
