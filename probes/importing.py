"""Services out of a manifest and back into one. What exists is changed only when that is asked for, and never unsaid."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from msgspec import UNSET

from accounts.models import User
from accounts.versions import StaleEdit
from probes.kinds import kinds
from probes.manifest import MOST_TOLD, FeedEntry, ProbeEntry, ServiceEntry
from probes.models import Feed, Probe, Service
from probes.registering import SECRETS, Order, Wrong, check_feed, checked_params, feeds_of, save_probe, save_service

PLAIN = ("name", "base_url", "environment", "tags", "metrics_url", "health_path")


@dataclass
class Row:
    """What becomes of one service: `create`, `change`, `keep` (it differs and stays as it is) or `same`; line by line; with how
    many new probes and feeds of theirs."""

    slug: str
    what: str
    probes: int = 0
    feeds: int = 0
    lines: list[str] = field(default_factory=list)

    def differs(self, lines: Sequence[str], *, saved: bool) -> None:
        """Note differences, and whether they were saved or the rows stay as they are."""
        if lines and self.what != "create":
            self.what = "change" if saved or self.what == "change" else "keep"
        self.lines += [f"{'set' if saved else 'kept as it is, though'} {line}" for line in lines]


@dataclass
class Receipt:
    """With any error nothing is saved at all. `errors` are (path, what is wrong)."""

    rows: list[Row] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def count(self, what: str) -> int:
        return sum(row.what == what for row in self.rows)


@dataclass(frozen=True)
class Asked:
    """Who imports, how far it may go, and when."""

    actor: User | None
    now: datetime
    overwrite: bool = False
    scorecards: Collection[str] | None = None
    token: str = ""


def load(entries: Sequence[ServiceEntry], *, asked: Asked, dry_run: bool = False) -> Receipt:
    """Bring in services: new ones are made; those that differ are kept, or changed with `overwrite`.

    Everything is checked as if by hand. A dry run and an import with an error leave nothing behind.
    """
    receipt = Receipt()
    with transaction.atomic():
        stored = {one.slug: one for one in _whole(Service.objects.filter(slug__in=[entry.slug for entry in entries]))}
        for place, entry in enumerate(entries):
            try:
                with transaction.atomic():
                    receipt.rows.append(_one(entry, stored.get(entry.slug), asked))
            except Wrong as wrong:
                every = wrong.errors | ({} if entry.slug in stored else _wrong_orders(entry, asked))
                receipt.errors += [(f"$.services[{place}].{where}", text) for where, text in every.items()]
            except StaleEdit:
                receipt.errors.append((f"$.services[{place}]", "It was changed by somebody else meanwhile: import it again."))
        receipt.errors = receipt.errors[:MOST_TOLD]
        if dry_run or receipt.errors:
            transaction.set_rollback(True)
    return receipt


def _wrong_orders(entry: ServiceEntry, asked: Asked) -> dict[str, str]:
    """What is wrong with the probes of a new service that cannot be saved: all of it, so that nobody finds it one by one."""
    service = Service(slug=entry.slug)
    wrong: dict[str, str] = {}
    for place, wanted in enumerate([] if entry.probes is UNSET else entry.probes):
        try:
            order = _order(wanted, None, service, asked)
            for metric, kpi in order.feeds:
                check_feed(kinds()[wanted.kind].METRICS, metric, kpi)
        except Wrong as found:
            wrong |= {f"probes[{place}].{where}": text for where, text in found.errors.items()}
    return wrong


def _whole(services: QuerySet[Service]) -> QuerySet[Service]:
    feeds = Prefetch("feeds", Feed.objects.select_related("kpi__scorecard").order_by("pk"))
    return services.select_related("owner").prefetch_related(
        Prefetch("probes", Probe.objects.order_by("pk").prefetch_related(feeds))
    )


def _one(entry: ServiceEntry, stored: Service | None, asked: Asked) -> Row:
    if stored and stored.archived_at:
        raise Wrong({"slug": f"{entry.slug} is archived: restore it first."})
    service = stored or Service(slug=entry.slug)
    differences = list(_differences(entry, service, asked))
    row = Row(entry.slug, "create" if stored is None else "same")
    if stored is None:
        _clean(service)
        save_service(service=service, actor=asked.actor, token=asked.token)
    elif differences:
        row.differs(differences, saved=asked.overwrite)
        if asked.overwrite:
            _clean(service)
            save_service(service=service, actor=asked.actor, token=asked.token)
    _probes(entry, service, row, asked, fresh=stored is None)
    return row


def _clean(service: Service) -> None:
    try:
        service.clean_fields(exclude=[*SECRETS, "owner"])
    except ValidationError as error:
        raise Wrong({name: " ".join(texts) for name, texts in error.message_dict.items()}) from None


def _differences(entry: ServiceEntry, service: Service, asked: Asked) -> Iterator[str]:
    """Set what the file states, and say what that differs in; of a secret only that it does."""
    owner = None
    if entry.owner not in (UNSET, None):
        owner = User.objects.filter(username=entry.owner, is_active=True).first()
        if owner is None:
            raise Wrong({"owner": f"Nobody here is called {entry.owner}."})
    if entry.owner is not UNSET and owner != service.owner:
        yield f"owner: {service.owner or 'nobody'} → {owner or 'nobody'}"
        service.owner = owner
    for name in PLAIN:
        value = getattr(entry, name)
        before = getattr(service, name)
        if value is not UNSET and value != before:
            setattr(service, name, value)
            yield f"{name}: {_said(before)} → {_said(value)}"
    for name in SECRETS:
        value = getattr(entry, name)
        if value is not UNSET and value != getattr(service, name):
            setattr(service, name, value)
            yield f"{name}: set anew"


def _probes(entry: ServiceEntry, service: Service, row: Row, asked: Asked, *, fresh: bool) -> None:
    """Probes are told apart by kind and their place among those of the same kind; more than the file names stay."""
    if entry.probes is UNSET:
        return
    there: dict[str, list[Probe]] = {}
    for probe in [] if fresh else service.probes.all():
        there.setdefault(probe.kind, []).append(probe)
    for place, wanted in enumerate(entry.probes):
        try:
            known = there.get(wanted.kind) or []
            _probe(wanted, known.pop(0) if known else None, service, row, asked)
        except Wrong as wrong:
            raise Wrong({f"probes[{place}].{where}": text for where, text in wrong.errors.items()}) from None
    row.lines += [f"{kind}: a probe that the file does not name stays" for kind, left in there.items() for _ in left]


def _probe(wanted: ProbeEntry, probe: Probe | None, service: Service, row: Row, asked: Asked) -> None:
    order = _order(wanted, probe, service, asked)
    if probe is None:
        save_probe(probe=order.probe, feeds=order.feeds, actor=asked.actor, now=asked.now, token=asked.token)
        row.probes, row.feeds = row.probes + 1, row.feeds + len(order.feeds)
        if row.what != "create":
            row.differs([f"{wanted.kind}: a new probe"], saved=True)
        return
    before, after = _entry_of_probe(probe), _entry(order)
    differing = [name for name in ProbeEntry.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    if not differing:
        return
    lines = [f"{wanted.kind} {name}: {_said(getattr(before, name))} → {_said(getattr(after, name))}" for name in differing]
    row.differs(lines, saved=asked.overwrite)
    if asked.overwrite:
        for name in ("interval_s", "params", "enabled"):
            setattr(probe, name, getattr(order.probe, name))
        save_probe(probe=probe, feeds=order.feeds, actor=asked.actor, now=asked.now, token=asked.token)


def _order(wanted: ProbeEntry, probe: Probe | None, service: Service, asked: Asked) -> Order:
    """The probe as the file wants it; what it leaves out stays, or is the kind's default."""
    kind = kinds().get(wanted.kind)
    if kind is None:
        raise Wrong({"kind": f"There is no kind {wanted.kind!r}: {', '.join(kinds())}."})
    made = Probe(service=service, kind=wanted.kind)
    made.interval_s = _first(wanted.interval_s, probe.interval_s if probe else kind.DEFAULT_INTERVAL_S)
    made.params = checked_params(wanted.kind, _first(wanted.params, probe.params if probe else {}))
    made.enabled = _first(wanted.enabled, probe.enabled if probe else True)
    if wanted.feeds is UNSET:
        feeds = [(feed.metric, feed.kpi) for feed in probe.feeds.all()] if probe else []
    else:
        feeds = feeds_of([{"metric": feed.metric, "kpi": feed.kpi} for feed in wanted.feeds], only=asked.scorecards)
    return Order(made, feeds)


def _first(stated: Any, otherwise: Any) -> Any:
    return otherwise if stated is UNSET else stated


def _entry(order: Order) -> ProbeEntry:
    probe = order.probe
    feeds = [FeedEntry(metric=metric, kpi=f"{kpi.scorecard.slug}/{kpi.key}") for metric, kpi in order.feeds]
    return ProbeEntry(kind=probe.kind, interval_s=probe.interval_s, params=probe.params, enabled=probe.enabled, feeds=feeds)


def _entry_of_probe(probe: Probe, scorecards: Collection[str] | None = None) -> ProbeEntry:
    feeds = [(feed.metric, feed.kpi) for feed in probe.feeds.all()]
    return _entry(Order(probe, [feed for feed in feeds if scorecards is None or feed[1].scorecard.slug in scorecards]))


def entries_of(services: QuerySet[Service], *, scorecards: Collection[str] | None = None) -> Iterable[ServiceEntry]:
    """Services as a manifest holds them, without their secrets, and without what feeds other scorecards than these."""
    for one in _whole(services.order_by("slug")):
        yield ServiceEntry(
            slug=one.slug, name=one.name, base_url=one.base_url, environment=one.environment,
            owner=one.owner.username if one.owner else None, tags=one.tags, metrics_url=one.metrics_url,
            health_path=one.health_path, probes=[_entry_of_probe(probe, scorecards) for probe in one.probes.all()],
        )  # fmt: skip


def _said(value: Any) -> str:
    """A value of a manifest in a line."""
    if value in ("", [], {}, None):
        return "nothing"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 120 else f"{text[:117]}…"
