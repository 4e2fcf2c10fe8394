"""Which KPI is meant: `scorecard/key`, or the bare key where only one KPI has it; never one that a token may not see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from rest_framework.request import Request

from accounts.permissions import allowed_scorecards, allowed_services
from accounts.prepared import Prepared, Slot
from accounts.problems import invalid
from accounts.texts import cut
from kpis.models import KPI, Scorecard
from kpis.models.scorecards import KpiQuerySet

LONGEST_KEY = 120
"""Of one that there is not, as it is told back."""

_KEYED = Prepared(lambda: KPI.objects.active().select_related("scorecard").filter(key__any_of=Slot("keys")))


def visible_kpis(request: Request) -> KpiQuerySet:
    return every_kpi(request).active()


def every_kpi(request: Request) -> KpiQuerySet:
    """Archived ones too."""
    found = KPI.objects.select_related("scorecard", "owner")
    allowed = allowed_scorecards(request)
    return found if allowed is None else found.filter(scorecard__slug__in=allowed)


def visible_scorecards(request: Request) -> QuerySet[Scorecard]:
    found = Scorecard.objects.filter(archived_at=None)
    allowed = allowed_scorecards(request)
    return found if allowed is None else found.filter(slug__in=allowed)


def scorecard_or_404(request: Request, slug: str) -> Scorecard:
    """An archived one too."""
    row = Scorecard.objects.filter(slug=slug).first()
    allowed = allowed_scorecards(request)
    if row is None or (allowed is not None and slug not in allowed):
        raise Http404("There is no such scorecard.")
    return row


def kpi_or_404(request: Request, scorecard: str, key: str, among: Callable[[Request], KpiQuerySet] = visible_kpis) -> KPI:
    kpi = among(request).filter(scorecard__slug=scorecard, key=key).first()
    if kpi is None:
        raise Http404("There is no such KPI.")
    return kpi


@dataclass(frozen=True)
class Lookup:
    """The KPIs that a payload may mean, by key."""

    by_key: dict[str, list[KPI]]
    archived: dict[str, list[KPI]]
    """Those that would be meant, were they not archived; looked for only where a name means none."""

    @classmethod
    def of(cls, request: Request, names: Iterable[str]) -> Lookup:
        """One query for all names, and another where one of them means no KPI."""
        names = list(names)
        keys = {name.rpartition("/")[2] for name in names if "\0" not in name}
        allowed = allowed_scorecards(request)
        by_key: dict[str, list[KPI]] = {}
        for kpi in _KEYED(keys=sorted(keys)):
            if allowed is None or kpi.scorecard.slug in allowed:
                by_key.setdefault(kpi.key, []).append(kpi)
        found = cls(by_key, {})
        if missing := {name.rpartition("/")[2] for name in names if not found._named(by_key, name)} & keys:
            for kpi in every_kpi(request).filter(key__in=missing).exclude(pk__in=KPI.objects.active().values("pk")):
                found.archived.setdefault(kpi.key, []).append(kpi)
        return found

    @staticmethod
    def _named(among: Mapping[str, list[KPI]], name: str) -> list[KPI]:
        scorecard, _, key = name.rpartition("/")
        return [kpi for kpi in among.get(key, []) if scorecard in ("", kpi.scorecard.slug)]

    def find(self, name: str) -> KPI | dict[str, Any]:
        """The KPI, or why there is none: `{"detail", "candidates"?}`."""
        found = self._named(self.by_key, name)
        if len(found) == 1:
            return found[0]
        if not found and (gone := self._named(self.archived, name)):
            return {"detail": f"{gone[0].scorecard.slug}/{gone[0].key} is archived, or its scorecard is: restore it first."}
        if not found:
            return {"detail": f"There is no KPI {cut(name, LONGEST_KEY)!r}."}
        candidates = sorted(f"{kpi.scorecard.slug}/{kpi.key}" for kpi in found)
        return {"detail": f"{name!r} is ambiguous; write one of {', '.join(candidates)}.", "candidates": candidates}


def about(request: Request, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that say what something is about (`scorecard`, `kpi`, `service`) with their rows.

    A token mutes and watches nothing that it may not see: one that is for some scorecards or services has to name one.
    """
    slug, name, service = fields["scorecard"] or "", fields["kpi"] or "", fields["service"]
    scorecard = visible_scorecards(request).filter(slug=slug).first() if slug else None
    if slug and scorecard is None:
        raise invalid([{"path": "$.scorecard", "detail": f"There is no scorecard {slug!r}."}])
    kpi = Lookup.of(request, [name]).find(name) if name else None
    if isinstance(kpi, dict):
        raise invalid([{"path": "$.kpi", **kpi}])
    if allowed_scorecards(request) is not None and scorecard is None and kpi is None:
        raise invalid([{"path": "$.scorecard", "detail": "Your token is for some scorecards only: name one of them, or a KPI."}])
    allowed = allowed_services(request)
    if allowed is not None and service not in allowed:
        raise invalid([{"path": "$.service", "detail": "Your token is for some services only: name one of them."}])
    return {**fields, "scorecard": scorecard, "kpi": kpi}


def mine(request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Of rows that are about a scorecard, a KPI or a service: those that the token may see."""
    allowed, services = allowed_scorecards(request), allowed_services(request)
    if allowed is not None:
        rows = rows.filter(Q(scorecard__slug__in=allowed) | Q(kpi__scorecard__slug__in=allowed))
    return rows if services is None else rows.filter(service__in=services)
