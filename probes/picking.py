"""Which services a list shows, as its address says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from django.db.models import Q, QuerySet
from django.utils import timezone

from probes import maintenance
from probes.models import Service

STATES = {
    "": "Every state", "measured": "Measured", "failing": "With a failing probe", "unmeasured": "Without a probe",
    "paused": "Paused", "maintenance": "In maintenance", "confirmed": "Confirmed for load", "archived": "Archived",
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """Filters of the services page. A state that is not known shows nothing: it is not the same as no filter."""

    text: str = ""
    environment: str = ""
    tag: str = ""
    state: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Self:
        state = asked.get("state", "")
        text, environment, tag = (asked.get(name, "").strip()[:200] for name in ("q", "environment", "tag"))
        return cls(text, environment, tag, state[:40])

    @property
    def filtered(self) -> bool:
        return any((self.text, self.environment, self.tag, self.state))

    def apply(self, services: QuerySet[Service]) -> QuerySet[Service]:
        found = services.exclude(archived_at=None) if self.state == "archived" else services.filter(archived_at=None)
        if self.text:
            wanted = Q(name__icontains=self.text) | Q(slug__icontains=self.text) | Q(base_url__icontains=self.text)
            found = found.filter(wanted)
        if self.environment:
            found = found.filter(environment=self.environment)
        if self.tag:
            # JSON lists cannot be asked for a member on SQLite: the quoted word stands in the stored text on both databases.
            found = found.filter(tags__icontains=f'"{self.tag}"')
        return self._in_state(found)

    def _in_state(self, found: QuerySet[Service]) -> QuerySet[Service]:
        if self.state == "measured":
            return found.filter(paused_at=None, probes__enabled=True).distinct()
        if self.state == "failing":
            return found.filter(paused_at=None, probes__enabled=True, probes__failures__gt=0).distinct()
        if self.state == "unmeasured":
            return found.exclude(probes__enabled=True)
        if self.state == "paused":
            return found.exclude(paused_at=None)
        if self.state == "maintenance":
            return found.filter(pk__in=_maintained(found))
        if self.state == "confirmed":
            return found.exclude(confirmed_at=None)
        return found if self.state in STATES else found.none()

    @property
    def unknown_state(self) -> str:
        return "" if self.state in STATES else self.state


def _maintained(services: QuerySet[Service]) -> list[int]:
    windows = maintenance.holding(timezone.now())
    return [one.pk for one in services if maintenance.over(windows, one)] if windows else []
