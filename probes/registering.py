"""Registering services and giving standing orders; every change is checked and written into the audit trail."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit, expected
from accounts.models import User
from accounts.versions import locked
from kpis.models import KPI
from kpis.units import UnitMismatch, factor
from outgoing.addresses import Refused, checked_url, port_of
from probes.addresses import is_full, origin
from probes.claiming import LOAD
from probes.kinds import kinds
from probes.kinds.base import Outcome
from probes.loading import UNASKED, loaded_lately
from probes.models import Feed, Probe, Run, RunState, Service
from probes.running import policy
from probes.sources.postgres import check_dsn
from probes.sources.redis import check_redis_url
from probes.stopwatch import prepare

SHORTEST_INTERVAL_S = 5
MOST_TAGS, LONGEST_TAG = 50, 60
SET_BY_US = {"host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect", "accept-encoding"}
TAKEN_SLUGS = frozenset({"actions", "new", "discover", "import", "export"})
"""Words that the addresses of pages and API need for themselves."""

SECRETS = ("headers", "database_dsn", "redis_url")
"""Fields that are taken and never given."""

ORDERED = ("params", "interval_s", "enabled", "version")
"""What people say of a probe that is there."""

CONFIRMED = ("confirmed_at", "confirmed_by", "confirmed_how")
LOADED_LATELY = "Load runs of the last ten minutes count at its address: change it later."

FIELDS = ("slug", "name", "base_url", "environment", "owner", "tags", "links", "metrics_url", "health_path")


class Wrong(ValueError):
    """What was asked for cannot be: field → what is wrong with it."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in errors.items()))
        self.errors = errors


@dataclass(frozen=True)
class Order:
    """A probe that is not saved yet, with the KPIs it will feed."""

    probe: Probe
    feeds: Sequence[tuple[str, KPI]] = ()


def check_url(url: str) -> None:
    """Refuse an address that could never be reached: a wrong scheme, a disguised or private literal. Raises Refused.

    Names are resolved, and judged, at every connection.
    """
    parts = checked_url(url)
    if parts.query or parts.fragment:
        raise Refused("the base address has no query and no fragment; paths belong to probes")
    policy().judge_written(parts.hostname or "", port_of(parts))


def check_signs(text: str) -> None:
    """Refuse what no address holds: a line break would be dropped unseen, or break a request. Raises Refused."""
    if any(sign.isspace() or not sign.isprintable() for sign in text):
        raise Refused("an address holds no spaces, line breaks or control characters")


def check_place(text: str) -> None:
    """Refuse what is neither a path below the base address nor a full address that could be reached. Raises Refused."""
    if is_full(text):
        check_signs(text)
        check_url(text.partition("?")[0])
    else:
        check_path(text, "write a path such as /metrics, or a full address with http:// or https://")


def check_path(text: str, wanted: str = "write a path such as /health: it begins below the base address") -> None:
    """Refuse what is no path below the base address, saying what is wanted. Raises Refused."""
    check_signs(text)
    if text.startswith("//") or ":" in text.partition("?")[0].partition("/")[0]:
        raise Refused(wanted)


def check_places(places: Mapping[str, str]) -> None:
    """Raises Wrong for metrics or a health path (by the names of their fields) that could never be reached.

    Metrics may be on another host; health is asked where load goes, with the service's secrets.
    """
    for field, check in (("metrics_url", check_place), ("health_path", check_path)):
        try:
            check(places[field])
        except Refused as refused:
            raise Wrong({field: str(refused)}) from None


@transaction.atomic
def save_service(*, service: Service, actor: User | None, token: str = "", version: int | None = None) -> Service:
    """Store a new service, or a change made from a version (else from the one that was read).

    Raises Wrong and StaleEdit. Secret headers of another origin are forgotten: give them anew.
    """
    check_service(service)
    stored = locked(service, version) if service.pk else None
    before = _figures(stored)
    changed = [*FIELDS, *SECRETS, "origin", "version"]  # the rest is not of this form, and others may have changed it meanwhile
    if stored and stored.base_url != service.base_url:
        if origin(service.base_url) != stored.origin and loaded_lately(stored, now=timezone.now()):
            raise Wrong({"base_url": LOADED_LATELY})
        changed += CONFIRMED
        service.confirmed_at, service.confirmed_by, service.confirmed_how = None, None, ""
        if _origin(stored) != _origin(service) and service.headers == stored.headers:
            service.headers = {}  # what was meant for one host is not sent to another because somebody changed the address
    service.version = stored.version + 1 if stored else 1
    service.save(update_fields=changed if stored else None)
    action = "service.change" if before else "service.register"
    after = _figures(service) | _renewed(stored, service)
    audit.record(actor=actor, action=action, subject=service, before=before, after=after, token=token)
    return service


def _origin(service: Service) -> tuple[str, str, int]:
    parts = urlsplit(service.base_url)
    return (parts.scheme, (parts.hostname or "").lower(), port_of(parts))


def check_service(service: Service) -> None:
    """Raises Wrong for what could never be measured, or would stand in the way of a page."""
    if service.slug in TAKEN_SLUGS:
        raise Wrong({"slug": f"“{service.slug}” is an address of its own here: choose another."})
    try:
        check_signs(service.base_url)
        check_url(service.base_url)
    except Refused as refused:
        raise Wrong({"base_url": str(refused)}) from None
    check_places({"metrics_url": service.metrics_url, "health_path": service.health_path})
    if len(service.tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in service.tags):
        raise Wrong({"tags": f"At most {MOST_TAGS} tags of at most {LONGEST_TAG} characters."})
    check_addresses(service)
    check_headers(cast("dict[str, str]", service.headers or {}))


@transaction.atomic
def register(*, service: Service, orders: Sequence[Order], actor: User | None, now: datetime, token: str = "") -> Service:
    """Store a new service with its probes: all, or nothing. Raises Wrong; what is wrong with a probe is at `probes[n].…`."""
    save_service(service=service, actor=actor, token=token)
    for place, order in enumerate(orders):
        order.probe.service = service
        try:
            save_probe(probe=order.probe, feeds=order.feeds, actor=actor, now=now, token=token)
        except Wrong as wrong:
            raise Wrong({f"probes[{place}].{field}": text for field, text in wrong.errors.items()}) from None
    return service


def feeds_of(rows: Sequence[Mapping[str, str]], *, only: Collection[str] | None = None) -> list[tuple[str, KPI]]:
    """Feeds as they are written: `metric`, and `kpi` as scorecard/key, of the scorecards in `only`. Raises Wrong."""
    found = []
    for place, row in enumerate(rows):
        scorecard, _, key = row["kpi"].partition("/")
        kpi = KPI.objects.active().filter(scorecard__slug=scorecard, key=key).select_related("scorecard").first()
        if kpi is None or (only is not None and scorecard not in only):
            raise Wrong({f"feeds[{place}].kpi": f"There is no KPI {row['kpi']}; write scorecard/key."})
        found.append((row["metric"], kpi))
    return found


@transaction.atomic
def save_probe(
    *, probe: Probe, feeds: Sequence[tuple[str, KPI]], actor: User | None, now: datetime, token: str = "",
    version: int | None = None,
) -> Probe:  # fmt: skip
    """Store a standing order with the KPIs that it feeds; a new one is due at once. Raises Wrong.

    A change is made from a version (else from the one that was read): raises StaleEdit.
    """
    kind = kinds().get(probe.kind)
    if kind is None:
        raise Wrong({"kind": f"There is no kind {probe.kind!r}: {', '.join(kinds())}."})
    probe.params = checked_params(probe.kind, probe.params)
    if probe.kind == LOAD and probe.enabled and not probe.service.confirmed_at:
        raise Wrong({"enabled": f"{probe.service} is not confirmed: {UNASKED}"})
    if probe.interval_s < SHORTEST_INTERVAL_S:
        raise Wrong({"interval_s": f"At least {SHORTEST_INTERVAL_S} seconds."})
    for metric, kpi in feeds:
        check_feed(kind.METRICS, metric, kpi)
    stored = locked(probe, version) if probe.pk else None
    before = _probe_figures(stored)
    if stored:
        probe.version = stored.version + 1
        probe.save(update_fields=ORDERED)  # the rest is the engine's, which may have gone on meanwhile
    else:
        probe.next_run_at = now
        probe.save()
    probe.feeds.all().delete()
    if not probe.enabled:
        stop_waiting(probe.runs.all(), now=now, text="The probe was disabled before this run began.")
    Feed.objects.bulk_create([Feed(probe=probe, metric=metric, kpi=kpi) for metric, kpi in dict.fromkeys(feeds)])
    action = "probe.change" if before else "probe.create"
    audit.record(actor=actor, action=action, subject=probe, before=before, after=_probe_figures(probe), token=token)
    return probe


def check_addresses(service: Service) -> None:
    """Raises Wrong for a database or cache that could never be reached; empty ones are fine."""
    for field, check in (("database_dsn", check_dsn), ("redis_url", check_redis_url)):
        try:
            if address := getattr(service, field):
                check(address, policy())
        except Refused as refused:
            raise Wrong({field: str(refused)}) from None


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises Wrong for a header that would break a request's frame, or that the connection sets itself."""
    for name, value in headers.items():
        if name.lower() in SET_BY_US:
            raise Wrong({"headers": f"{name} is set by the connection itself."})
        try:
            prepare("GET", "http://localhost/", {name: value})
        except ValueError:
            raise Wrong({"headers": f"{name!r} is not a header that can be sent."}) from None


def headers_of(text: str) -> dict[str, str]:
    """Headers as people write them, one a line as `Name: value`. Raises Wrong."""
    found = {}
    for line in filter(str.strip, text.splitlines()):
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise Wrong({"headers": "Write one header a line, as Name: value."})
        found[name.strip()] = value.strip()
    return found


def stop_waiting(runs: QuerySet[Run], *, now: datetime, text: str) -> None:
    """End those of the runs that are queued: no worker will take them up."""
    waiting = runs.filter(state=RunState.QUEUED)
    waiting.update(state=RunState.DONE, outcome=Outcome.STOPPED, error=text, finished_at=now)


def checked_params(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters in full, with the kind's defaults. Raises Wrong, naming the parameter."""
    try:
        found = msgspec.convert(dict(params), kinds()[kind].Params)
    except msgspec.ValidationError as error:
        text, place = expected.split(error)
        raise Wrong({f"params{place.removeprefix('$')}": text}) from None
    return msgspec.to_builtins(found)


def check_feed(metrics: Mapping[str, str], metric: str, kpi: KPI) -> None:
    if metric not in metrics:
        raise Wrong({"feeds": f"This kind reads {', '.join(metrics)}, not {metric}."})
    try:
        factor(metrics[metric], kpi.measured_unit)
    except UnitMismatch as error:
        raise Wrong({"feeds": f"{metric} cannot feed {kpi}: {error}."}) from None


def _renewed(stored: Service | None, service: Service) -> dict[str, Any]:
    """Which secrets were set anew, by name: never what they are."""
    names = [
        name
        for name in SECRETS
        if getattr(service, name) != (getattr(stored, name) if stored else type(getattr(service, name))())
    ]
    return {"secrets_set": names} if names else {}


def _figures(service: Service | None) -> dict[str, Any]:
    """What the trail keeps of a service: never its headers."""
    return {name: str(getattr(service, name)) for name in FIELDS if getattr(service, name)} if service else {}


def _probe_figures(probe: Probe | None) -> dict[str, Any]:
    if probe is None:
        return {}
    feeds = [f"{feed.metric} → {feed.kpi}" for feed in probe.feeds.select_related("kpi")]
    return {"kind": probe.kind, "interval_s": probe.interval_s, "enabled": probe.enabled, "params": probe.params, "feeds": feeds}
