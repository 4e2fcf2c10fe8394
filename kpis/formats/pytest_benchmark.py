"""The file that `pytest --benchmark-json` writes: seconds per call.

With several iterations per round the tool keeps only the mean of each round. Such means give no percentile of single
calls, so the histogram is built only where a round was one call.

Its `datetime` is in UTC. Releases before 5 wrote it without the offset, so one that has none is taken as UTC.
"""

from __future__ import annotations

import re
from typing import Any

from kpis.formats.base import Parsed, ParsedSample, Reader
from kpis.stats.histogram import Histogram

LABEL = "pytest-benchmark JSON"

_BARE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$")


def sniff(payload: object) -> bool:
    return isinstance(payload, dict) and isinstance(payload.get("benchmarks"), list) and "machine_info" in payload


def parse(payload: object) -> Parsed:
    """Read every benchmark in ms. Raises Unreadable."""
    reader = Reader()
    document = reader.mapping(payload, "$")
    entries = reader.sequence(document.get("benchmarks"), "$.benchmarks")
    samples = [_sample(reader, entry, f"$.benchmarks[{index}]") for index, entry in enumerate(entries)]
    commit = reader.mapping(document.get("commit_info") or {}, "$.commit_info")
    machine = reader.mapping(document.get("machine_info") or {}, "$.machine_info")
    started_at = reader.moment(_BARE.sub(r"\g<0>Z", str(document.get("datetime") or "")), "$.datetime")
    reader.finish()
    return Parsed(
        samples=samples,
        commit=str(commit.get("id") or "")[:64],
        branch=str(commit.get("branch") or "")[:200],
        testbed=_testbed(machine),
        started_at=started_at,
    )


def _sample(reader: Reader, entry: object, path: str) -> ParsedSample:
    benchmark = reader.mapping(entry, path)
    stats = reader.mapping(benchmark.get("stats"), f"{path}.stats")
    mean, low, high, median = (
        reader.number(stats.get(name), f"{path}.stats.{name}") * 1000 for name in ("mean", "min", "max", "median")
    )
    single = stats.get("iterations", 1) == 1
    extra = reader.mapping(benchmark.get("extra_info") or {}, f"{path}.extra_info")
    return ParsedSample(
        name=reader.text(benchmark.get("fullname") or benchmark.get("name"), f"{path}.fullname"),
        metric="latency",
        value=mean,
        unit="ms",
        count=reader.whole(stats.get("rounds"), f"{path}.stats.rounds", least=1),
        histogram=_histogram(reader, stats.get("data"), f"{path}.stats.data") if single else None,
        statistics={"min": low, "max": high, "p50": median} if single else {},
        kpi=reader.text(extra.get("kpi", ""), f"{path}.extra_info.kpi"),
    )


def _histogram(reader: Reader, data: object, path: str) -> Histogram | None:
    if not data:
        return None
    values = [reader.number(value, f"{path}[{index}]") * 1000 for index, value in enumerate(reader.sequence(data, path))]
    return Histogram.from_values(values)


def _testbed(machine: dict[str, Any]) -> dict[str, Any]:
    cpu = machine.get("cpu") if isinstance(machine.get("cpu"), dict) else {}
    found = {
        "cpu": (cpu or {}).get("brand_raw"),
        "cores": (cpu or {}).get("count"),
        "runtime": f"{machine.get('python_implementation', '')} {machine.get('python_version', '')}".strip(),
        "system": machine.get("system"),
    }
    return {key: value for key, value in found.items() if value}
