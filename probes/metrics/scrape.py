"""One scrape, parsed: the samples that readings are made of, small enough to be kept until the next one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from probes.metrics.presets import PROCESS_ONLY, Preset, detect

MOST_SAMPLES = 50_000
MOST_KEPT = 2_000
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
    """Parse Prometheus text (0.0.4, 1.0.0) or OpenMetrics. Raises Unreadable."""
    parse = open_metrics if "openmetrics" in media_type else prometheus_text
    samples: dict[Key, float] = {}
    families: set[str] = set()
    seen = 0
    try:
        for family in parse(text):
            families.add(family.name)
            for sample in family.samples:
                seen += 1
                if seen > MOST_SAMPLES:
                    raise Unreadable(f"more than {MOST_SAMPLES:,} samples")
                families.add(sample.name)
                # An empty label is no label: OpenTelemetry adds one to every series once a single one needs it.
                labels = tuple(sorted((name, text) for name, text in sample.labels.items() if text))
                samples[sample.name, labels] = float(sample.value)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"the metrics cannot be read: {error}") from None
    if not samples:
        raise Unreadable("the metrics address gave no metrics")
    preset = detect(families)
    return Scrape(at, dict(_needed(samples.items(), preset)), preset, frozenset(families & KNOWN_FAMILIES))


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
