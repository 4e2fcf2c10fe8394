"""One scrape, parsed: the samples that readings are made of, small enough to be kept until the next one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from probes.metrics.presets import PROCESS_ONLY, Preset, detect

MOST_LINES, LONGEST_LINE = 150_000, 4_000
MOST_KEPT, MOST_KEPT_LINES = 2_000, 20_000
MOST_ESCAPES = 100
"""Of one line: the parser's time grows with their square."""

SAMPLE = re.compile(
    r'#.*|(?:[a-zA-Z_:][a-zA-Z0-9_:]*+\s*+)?(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*+")*+\})?\s*+[-+.0-9eEINFinfaA]++(?:\s++[-+.0-9eE]++)?(?:\s++#.*)?'
)
NAME = re.compile(r"(?:#\s+(?:TYPE|HELP|UNIT)\s+)?([a-zA-Z_:][a-zA-Z0-9_:]*)")
SUFFIX = re.compile(r"_(total|sum|count|bucket|created)$")
STARTED = ("process_start_time_seconds",)

Key = tuple[str, tuple[tuple[str, str], ...]]


class Unreadable(ValueError):
    """Text that is no exposition of metrics, or too much of it."""


@dataclass(frozen=True)
class Scrape:
    """Samples by (name, sorted labels), of the families that readings need."""

    at: datetime
    samples: dict[Key, float]
    preset: Preset
    families: frozenset[str]

    def named(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        for (sample, labels), value in self.samples.items():
            if sample == name:
                yield dict(labels), value

    def has(self, name: str) -> bool:
        return any(sample == name for sample, _ in self.samples)

    def total(self, *names: str) -> float | None:
        """Sum of the samples of the first name that is there; None where none is."""
        for name in names:
            values = [value for _, value in self.named(name)]
            if values:
                return sum(values)
        return None

    @property
    def started(self) -> float | None:
        return self.total(*STARTED)

    def to_memory(self) -> dict[str, Any]:
        """JSON form, for keeping until the next run."""
        rows = [[name, dict(labels), value] for (name, labels), value in self.samples.items()]
        return {"at": self.at.isoformat(), "samples": rows, "preset": self.preset.name, "families": sorted(self.families)}


def read(text: str, media_type: str, at: datetime) -> Scrape:
    """Parse Prometheus text (0.0.4, 1.0.0) or OpenMetrics. Raises Unreadable, and never quotes what was read.

    Only families that readings need are parsed: a parser takes a second for what a stranger may send, and minutes for the
    worst of it. Samples that are not finite are left out.
    """
    lines = _lines(text)
    families = {name for line in lines if (name := _name(line))}
    if all(line.startswith("#") for line in lines):
        raise Unreadable("a page of metrics without a single figure yet")
    preset = detect(families)
    needed = tuple({_family(name) for name in (*PLAIN, preset.requests) if name})
    kept = [line for line in lines if line.startswith("# EOF") or _name(line).startswith(needed)]
    if len(kept) > MOST_KEPT_LINES:
        raise Unreadable(f"more than {MOST_KEPT_LINES:,} lines of families that are needed: too many label values")
    parse = open_metrics if "openmetrics" in media_type else prometheus_text
    samples: dict[Key, float] = {}
    try:
        for family in parse("\n".join(kept) + "\n"):
            for sample in family.samples:
                # An empty label is no label: OpenTelemetry adds one to every series once a single one needs it.
                labels = tuple(sorted((name, text) for name, text in sample.labels.items() if text))
                if math.isfinite(sample.value):
                    samples[sample.name, labels] = float(sample.value)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError):
        raise Unreadable("the metrics cannot be read") from None
    return Scrape(at, dict(_needed(samples.items(), preset)), preset, frozenset(families & KNOWN_FAMILIES))


def _lines(text: str) -> list[str]:
    """The lines that say something. Raises Unreadable for what is no exposition, or too much of one."""
    if text.count("\n") > MOST_LINES:
        raise Unreadable(f"more than {MOST_LINES:,} lines of metrics")
    lines = [line for part in text.split("\n") if (line := part.strip())]
    if any(len(line) > LONGEST_LINE for line in lines):
        raise Unreadable(f"a line of metrics is longer than {LONGEST_LINE:,} characters")
    if any(line.count("\\") > MOST_ESCAPES for line in lines) or not all(SAMPLE.fullmatch(line) for line in lines):
        raise Unreadable("the metrics cannot be read")
    return lines


def _name(line: str) -> str:
    """The name that a sample or a remark on a family begins with; empty for other remarks and for quoted names."""
    found = NAME.match(line)
    return found[1] if found else ""


def _family(name: str) -> str:
    """What all samples of its family begin with."""
    return SUFFIX.sub("", name)


def remembered(memory: dict[str, Any]) -> Scrape | None:
    """The scrape that was kept last time; None where there is none or it cannot be understood any more."""
    try:
        samples = {(name, tuple(sorted(labels.items()))): float(value) for name, labels, value in memory["samples"]}
        preset = detect(memory["families"])
        return Scrape(datetime.fromisoformat(memory["at"]), samples, preset, frozenset(memory["families"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


PLAIN = (
    "db_client_operation_duration_seconds_sum",
    "db_client_operation_duration_seconds_count",
    "db_client_operation_duration_sum",
    "db_client_operation_duration_count",
    "db_client_connection_count",
    "db_client_connections_usage",
    "cache_requests_total",
    "cache_hits_total",
    "cache_misses_total",
    "process_resident_memory_bytes",
    "process_memory_usage_bytes",
    "process_cpu_seconds_total",
    "process_cpu_time_seconds_total",
    "process_start_time_seconds",
)
KNOWN_FAMILIES = frozenset(
    {*PLAIN, "http_request_duration_highr_seconds", "starlette_responses_total", "http_server_request_duration_seconds",
     "http_server_duration_milliseconds", "starlette_request_duration_seconds", "starlette_requests_total"}
)  # fmt: skip


def _needed(samples: Iterable[tuple[Key, float]], preset: Preset) -> Iterator[tuple[Key, float]]:
    kept = 0
    for (name, labels), value in samples:
        if name in PLAIN or name == preset.requests:
            kept += 1
            if kept > MOST_KEPT:
                raise Unreadable(f"more than {MOST_KEPT:,} series to keep: too many label values")
            yield (name, labels), value


__all__ = ["PROCESS_ONLY", "Scrape", "Unreadable", "read", "remembered"]
