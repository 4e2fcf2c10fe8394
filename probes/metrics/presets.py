"""Which library speaks, by the family that only it exposes, and how it names requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """`requests` is the counter of requests; `status` and `route` are the labels it carries."""

    name: str
    marker: str
    requests: str
    status: str
    route: tuple[str, ...]

    def failed(self, labels: Mapping[str, str]) -> bool:
        """Whether the server failed: 5xx, also where only the class is told."""
        return labels.get(self.status, "").startswith("5")

    def own(self, labels: Mapping[str, str], left_out: Collection[str]) -> bool:
        """Whether the request was a probe's or a scraper's own: metrics and health, or one that no route took (a mounted
        metrics page has none)."""
        told = [labels[name].rstrip("/") for name in self.route if name in labels]
        return not told or any(path in left_out for path in told)


PRESETS = (
    Preset("OpenTelemetry, stable names", "http_server_request_duration_seconds",
           "http_server_request_duration_seconds_count", "http_response_status_code", ("http_route",)),
    Preset("OpenTelemetry, old names", "http_server_duration_milliseconds",
           "http_server_duration_milliseconds_count", "http_status_code", ("http_target", "http_route")),
    Preset("prometheus-fastapi-instrumentator", "http_request_duration_highr_seconds",
           "http_requests_total", "status", ("handler",)),
    Preset("starlette-prometheus", "starlette_responses_total",
           "starlette_responses_total", "status_code", ("path_template", "path")),
    Preset("starlette_exporter", "starlette_request_duration_seconds",
           "starlette_requests_total", "status_code", ("path",)),
)  # fmt: skip
PROCESS_ONLY = Preset("process only", "process_resident_memory_bytes", "", "", ())


def detect(families: Collection[str]) -> Preset:
    """The preset whose marker is there; `PROCESS_ONLY` where none is. Markers may carry a suffix such as `_count`."""
    for preset in PRESETS:
        if any(family in (preset.marker, f"{preset.marker}_count", f"{preset.marker}_bucket") for family in families):
            return preset
    for family in families:  # starlette_exporter with a prefix of its own
        if family.endswith("_request_duration_seconds") and not family.startswith("http_"):
            prefix = family.removesuffix("_request_duration_seconds")
            if f"{prefix}_requests_total" in families or f"{prefix}_requests" in families:
                return Preset("starlette_exporter", family, f"{prefix}_requests_total", "status_code", ("path",))
    return PROCESS_ONLY
