"""What was found at an address, for people on a console and for the API: one shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypedDict

import msgspec

from kpis.models import KPI
from probes.discovery import Answer, Found
from probes.kinds import kinds
from probes.manifest import FeedEntry, ProbeEntry, ServiceEntry
from probes.proposing import name_of, proposals, slug_of, suggested, units, untold


class AnswerOut(TypedDict):
    path: str
    status: Annotated[int | None, "Null where no answer came; `error` says why."]
    took_ms: float | None
    error: str


class CertificateOut(TypedDict):
    version: Annotated[str, "Of TLS."]
    expires_at: Annotated[str, {"format": "date-time"}]


class MetricsOut(TypedDict):
    url: str
    preset: Annotated[str, "The instrumentation that the names were recognised as."]
    series: int


class InterfaceOut(TypedDict):
    url: str
    title: str
    left_out: Annotated[int, "Operations that cannot be measured as they stand."]


class RouteOut(TypedDict):
    path: str
    summary: str
    answer: Annotated[AnswerOut | None, "Null where it was not tried."]


class FoundOut(TypedDict):
    """What was found at an address. Bodies of answers are not in it."""

    base_url: str
    reachable: bool
    refused: Annotated[str, "Why the address may not be reached; empty otherwise."]
    error: Annotated[str, "Why it did not answer; empty otherwise."]
    answer: AnswerOut | None
    redirects_to: str
    tls: CertificateOut | None
    metrics: MetricsOut | None
    metrics_error: str
    metrics_beside: Annotated[str, "Metrics of the same host that do not lie below the base address."]
    health: AnswerOut | None
    openapi_error: str
    openapi: InterfaceOut | None
    routes_below: str
    routes: list[RouteOut]
    proposal: Annotated[dict[str, Any], ServiceEntry] | None


def proposed(found: Found, kpis: Sequence[KPI]) -> ServiceEntry:
    """The service as it could be registered at once, in the shape of a manifest."""
    wanted = proposals(found)
    feeds = suggested([(one.kind, units(one)) for one in wanted], kpis)
    name = name_of(found)
    return ServiceEntry(
        slug=slug_of(name) or "service", name=name, base_url=found.base_url, metrics_url=found.metrics_url,
        health_path=found.health.path if found.health else "",
        probes=[
            ProbeEntry(
                kind=one.kind, interval_s=kinds()[one.kind].DEFAULT_INTERVAL_S, params=one.params,
                feeds=[
                    FeedEntry(metric=metric, kpi=f"{kpi.scorecard.slug}/{kpi.key}")
                    for metric in one.metrics
                    for kpi in feeds.get((one.kind, metric), [])
                ],
            )
            for one in wanted
        ],
    )  # fmt: skip


def as_data(found: Found, kpis: Sequence[KPI]) -> FoundOut:
    scrape, shown = found.scrape, found.certificate
    return {
        "base_url": found.base_url,
        "reachable": found.reachable,
        "refused": found.refused,
        "error": found.error,
        "answer": _answer(found.base),
        "redirects_to": found.redirect,
        "tls": {"version": shown.version, "expires_at": shown.expires_at.isoformat()} if shown else None,
        "metrics": {"url": found.metrics_url, "preset": scrape.preset.name, "series": len(scrape.samples)} if scrape else None,
        "metrics_error": found.metrics_error,
        "metrics_beside": found.metrics_beside,
        "health": _answer(found.health),
        "openapi_error": found.interface_error,
        "openapi": {"url": found.interface, "title": found.title, "left_out": found.others} if found.interface else None,
        "routes_below": found.routes_below,
        "routes": [{"path": one.route.path, "summary": one.route.summary, "answer": _answer(one.answer)} for one in found.routes],
        "proposal": None if found.refused else msgspec.to_builtins(proposed(found, kpis)),
    }


def _answer(answer: Answer | None) -> AnswerOut | None:
    if answer is None:
        return None
    took = None if answer.took_ms is None else round(answer.took_ms, 1)
    return {"path": answer.path, "status": answer.status, "took_ms": took, "error": answer.error}


def lines(found: Found, kpis: Sequence[KPI]) -> Iterator[str]:
    """The same in words, a finding a line."""
    yield from _reached(found)
    if not found.reachable:
        return
    if found.scrape:
        yield f"Metrics    {found.metrics_url}: {found.scrape.preset.name}, {len(found.scrape.samples)} series that can be used"
        if lacking := untold(found):
            yield f"           {lacking}"
    else:
        yield f"Metrics    none found: {found.metrics_error}{': give a secret header' if found.metrics_want_a_key else ''}"
        if found.metrics_beside:
            yield f"           {found.metrics_beside} lies beside the base address: if it is its own, look again with --metrics"
    yield f"Health     {_said(found.health) if found.health else 'no path that says it is well'}"
    if found.interface:
        yield f"Routes     {len(found.routes)} to measure as they stand in {found.interface}, {found.others} others left out"
        yield from (f"           {one.route.path:<40} {_said(one.answer) if one.answer else 'not tried'}" for one in found.routes)
        if found.routes_below:
            yield f"           they answer below {found.routes_below}: look there instead"
    else:
        yield f"Routes     no OpenAPI document found{f' ({found.interface_error})' if found.interface_error else ''}"
    for probe in proposed(found, kpis).probes or []:
        feeds = ", ".join(f"{feed.metric} → {feed.kpi}" for feed in probe.feeds or [])
        yield f"Proposed   {probe.kind} every {probe.interval_s} s{f', feeds {feeds}' if feeds else ', feeds no KPI yet'}"


def _reached(found: Found) -> Iterator[str]:
    if found.refused:
        yield f"Refused    {found.refused}"
    elif not found.reachable:
        yield f"No answer  {found.error}"
    else:
        yield f"Answers    {_said(found.base)}{f', redirects to {found.redirect}' if found.redirect else ''}"
    if found.certificate:
        yield f"TLS        {found.certificate.version}, certificate until {found.certificate.expires_at:%-d %b %Y}"


def _said(answer: Answer | None) -> str:
    if answer is None or answer.status is None:
        return answer.error if answer else "—"
    return f"{answer.path} {answer.status} in {answer.took_ms or 0:.1f} ms{f', {answer.error}' if answer.error else ''}".strip()
