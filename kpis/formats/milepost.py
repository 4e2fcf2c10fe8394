"""Milepost's own JSON, for whatever has no format of its own: see docs/result-formats.md."""

from __future__ import annotations

from kpis.formats.base import Parsed, ParsedSample, Reader
from kpis.stats.histogram import Histogram
from kpis.units import UNITS, UnitMismatch, factor

LABEL = "Milepost JSON"
VERSION = 1
STATISTICS = ("min", "mean", "max", "p50", "p90", "p95", "p99")


def sniff(payload: object) -> bool:
    return isinstance(payload, dict) and "milepost" in payload and "samples" in payload


def parse(payload: object) -> Parsed:
    """Read every sample in the unit that it states. Raises Unreadable."""
    reader = Reader()
    document = reader.mapping(payload, "$")
    if document.get("milepost") != VERSION:
        reader.fault("$.milepost", f"the version of this format is {VERSION}")
    entries = reader.sequence(document.get("samples"), "$.samples")
    samples = [_sample(reader, entry, f"$.samples[{index}]") for index, entry in enumerate(entries)]
    parsed = Parsed(
        samples=samples,
        commit=reader.text(document.get("commit", ""), "$.commit", longest=64),
        branch=reader.text(document.get("branch", ""), "$.branch", longest=200),
        testbed=reader.mapping(document.get("testbed", {}), "$.testbed"),
        started_at=reader.moment(document.get("started_at"), "$.started_at"),
    )
    reader.finish()
    return parsed


def _sample(reader: Reader, entry: object, path: str) -> ParsedSample:
    sample = reader.mapping(entry, path)
    unit = reader.text(sample.get("unit"), f"{path}.unit")
    if unit not in UNITS:
        reader.fault(f"{path}.unit", f"use one of {', '.join(UNITS)}")
    histogram = _histogram(reader, sample.get("histogram"), unit, f"{path}.histogram")
    least = histogram.count if histogram else 1
    count = reader.whole(sample.get("count", least), f"{path}.count", least=1)
    failures = reader.whole(sample.get("failures", 0), f"{path}.failures", least=0)
    if failures > count:
        reader.fault(f"{path}.failures", "more failures than samples")
    if "value" in sample or histogram is None:
        value = reader.number(sample.get("value"), f"{path}.value", least=-1e300)
        if histogram is not None and not histogram.spans(value):
            reader.fault(f"{path}.value", "lies outside of the samples of its histogram")
    else:
        value = histogram.mean()
    name = reader.text(sample.get("name"), f"{path}.name")
    if not name:
        reader.fault(f"{path}.name", "a name is needed")
    return ParsedSample(
        name=name,
        metric=reader.text(sample.get("metric", "latency"), f"{path}.metric", longest=40),
        value=value,
        unit=unit,
        count=count,
        failures=failures,
        histogram=histogram,
        statistics=_statistics(reader, sample.get("statistics", {}), f"{path}.statistics"),
        kpi=reader.text(sample.get("kpi", ""), f"{path}.kpi"),
    )


def _statistics(reader: Reader, value: object, path: str) -> dict[str, float]:
    found = {}
    for key, figure in reader.mapping(value, path).items():
        if key not in STATISTICS:
            reader.fault(f"{path}.{key}", f"use one of {', '.join(STATISTICS)}")
        found[key] = reader.number(figure, f"{path}.{key}", least=-1e300)
    return found


def _histogram(reader: Reader, value: object, unit: str, path: str) -> Histogram | None:
    """`{"unit"?, "values": […], "counts": […]}`, in the sample's unit."""
    if value is None:
        return None
    shape = reader.mapping(value, path)
    values = reader.sequence(shape.get("values"), f"{path}.values")
    counts = reader.sequence(shape.get("counts", [1] * len(values)), f"{path}.counts")
    figures = [reader.number(figure, f"{path}.values[{index}]") for index, figure in enumerate(values)]
    weights = [reader.whole(count, f"{path}.counts[{index}]", least=1) for index, count in enumerate(counts)]
    if not figures or len(figures) != len(weights) or sum(weights) >= 2**63:
        reader.fault(path, "as many counts as values are needed, and at least one")
        return None
    try:
        scale = factor(str(shape.get("unit", unit)), unit)
    except UnitMismatch as error:
        reader.fault(f"{path}.unit", str(error))
        return None
    return Histogram.from_counts([figure * scale for figure in figures], weights)
