"""Any figure that a Prometheus server can tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from outgoing.addresses import Refused, checked_url
from probes.kinds.base import Measured, Outcome, Target, Tools
from probes.kinds.params import FIGURES, Unit, free_reading
from probes.sources import Unread, nothing, prometheus
from probes.sources.many import Combine

LABEL = "PromQL"
METRICS = FIGURES
DEFAULT_INTERVAL_S = 60
TIMED = False
P95 = "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))"


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: Annotated[
        str,
        Meta(
            title="Prometheus server",
            description="Such as https://prometheus.example:9090; empty: the service's own address. Secret headers are sent to "
            "the service's own origin only.",
            max_length=300,
        ),
    ] = ""
    query: Annotated[
        str, Meta(title="Query", description="PromQL.", min_length=1, max_length=1500, extra_json_schema={"rows": 3})
    ] = P95
    unit: Annotated[Unit, Meta(title="Unit of its figure")] = "s"
    several: Annotated[
        Combine, Meta(title="Of several series", description="only: a query that gives more than one is a mistake.")
    ] = "only"
    over_minutes: Annotated[
        int, Meta(title="Over the last minutes", description="0: an instant query, as of now.", ge=0, le=1440)
    ] = 0
    step_s: Annotated[int, Meta(title="A point every, seconds", description="Where minutes are looked back.", ge=1, le=3600)] = 60
    reduce: Annotated[
        Literal["mean", "max", "min", "last"],
        Meta(title="Of these points", description="Where minutes are looked back."),
    ] = "mean"

    def __post_init__(self) -> None:
        if self.over_minutes * 60 > self.step_s * prometheus.MOST_POINTS:
            raise ValueError(f"more than {prometheus.MOST_POINTS:,} points; ask for fewer")
        try:
            if self.address and (checked_url(self.address).query or checked_url(self.address).fragment):
                raise ValueError("the Prometheus server's address has no query and no fragment")
        except Refused as refused:
            raise ValueError(str(refused)) from None


async def measure(target: Target, params: Params, tools: Tools) -> Measured:
    span = prometheus.Span(timedelta(minutes=params.over_minutes), params.step_s) if params.over_minutes else None
    try:
        found = await prometheus.points(target, tools, address=params.address, query=params.query, span=span, how=params.several)
    except Unread as why:
        return why.measured({})
    if not found:
        return nothing("the query gave no figure", {})
    values = [value for _, value in found]
    value = {"mean": sum(values) / len(values), "max": max(values), "min": min(values), "last": values[-1]}[params.reduce]
    note = f"{params.reduce} of {len(values)} points over {params.over_minutes} min" if span else ""
    one = free_reading(value, params.unit, tools.now(), count=len(values), note=note)
    return Measured(outcome=Outcome.OK, readings=[one], details={"points": len(values)})
