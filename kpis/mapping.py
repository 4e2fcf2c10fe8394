"""Which KPIs the samples of a CI result stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kpis.formats import Parsed, ParsedSample
from kpis.models import KPI
from kpis.units import UnitMismatch, factor
from kpis.verdict import matching


class Refused(ValueError):
    """A result that cannot be stored: `errors` are (path, what is wrong)."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(detail for _, detail in errors))
        self.errors = errors


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A result as it arrived: what was parsed and what was said around it."""

    parsed: Parsed
    format: str
    payload_sha256: str
    service: str = ""
    environment: str = "ci"
    scorecard: str = ""
    commit: str = ""
    branch: str = ""
    pull_request: str = ""
    run_url: str = ""
    testbed: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    expected: Sequence[str] = ()
    idempotency_key: str = ""

    @property
    def subject(self) -> str:
        return self.service or "ci"


def mapped_samples(sent: Sent, scorecards: frozenset[str] | None) -> tuple[list[tuple[ParsedSample, KPI]], list[ParsedSample]]:
    """Samples with their KPIs, and those that have none. Raises Refused where a key stands for several KPIs or for none."""
    kpis = KPI.objects.active().filter(reference=None).select_related("scorecard")
    if sent.scorecard:
        kpis = kpis.filter(scorecard__slug=sent.scorecard)
    if scorecards is not None:
        kpis = kpis.filter(scorecard__slug__in=scorecards)
    by_key: dict[str, list[KPI]] = {}
    for kpi in kpis:
        by_key.setdefault(kpi.key, []).append(kpi)
        by_key.setdefault(f"{kpi.scorecard.slug}/{kpi.key}", []).append(kpi)
    mapped, unmapped, errors = [], [], []
    for index, sample in enumerate(sent.parsed.samples):
        found = by_key.get(sample.kpi or matching(sample.name, [key for key in by_key if "/" not in key]), [])
        if len(found) > 1:
            names = ", ".join(f"{kpi.scorecard.slug}/{kpi.key}" for kpi in found)
            errors.append((f"$.samples[{index}].kpi", f"{sample.name} stands for several KPIs: {names}; say scorecard="))
        elif sample.kpi and not found:
            errors.append((f"$.samples[{index}].kpi", f"there is no KPI {sample.kpi!r} that a CI result can feed"))
        elif found and (sample.kpi or _fits(sample, found[0])):
            mapped.append((sample, found[0]))
        else:
            unmapped.append(sample)
    if errors:
        raise Refused(errors)
    return mapped, unmapped


def _fits(sample: ParsedSample, kpi: KPI) -> bool:
    try:
        return factor(sample.unit, kpi.unit) > 0
    except UnitMismatch:
        return False
