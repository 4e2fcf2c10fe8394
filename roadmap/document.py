"""The roadmap file (see docs/roadmap-format.md): reading, checking and writing it as one document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Literal

import msgspec
import yaml

from accounts import expected, yamls
from roadmap.limits import DAYS, is_day
from roadmap.records import AlertRule, Benefit, Cost, LoadProfile, Phase, Record, Risk, Roadmap

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
FORMAT = "milepost-roadmap/1"


class Document(Record):
    """One whole file. `scorecard` is what `kpis.loading.load_scorecard` takes, and is checked there."""

    format: Literal["milepost-roadmap/1"]
    roadmap: Roadmap
    scorecard: dict[str, Any]
    phases: list[Phase] = []
    costs: list[Cost] = []
    benefits: list[Benefit] = []
    risks: list[Risk] = []
    load_profiles: list[LoadProfile] = []
    alert_rules: list[AlertRule] = []


class Malformed(ValueError):
    """The text is no roadmap file; `path` leads to the bad field (`$.phases[0].week_to`)."""

    def __init__(self, detail: str, path: str = "$") -> None:
        super().__init__(f"{path}: {detail}")
        self.detail = detail
        self.path = path


def read(text: str | bytes) -> Document:
    """Parse YAML (of which JSON is a part) into a document; raises Malformed."""
    try:
        return parse(yamls.loaded(text))
    except yamls.Unreadable as error:
        raise Malformed(str(error)) from None


def parse(data: object) -> Document:
    try:
        document = msgspec.convert(data, Document, strict=False)
    except msgspec.ValidationError as error:
        raise Malformed(*expected.split(error)) from error
    _check(document)
    return document


def write(document: Document) -> str:
    """YAML that `read` gives back as the same document."""
    return yaml.dump(msgspec.to_builtins(document), Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=110)


def _check(document: Document) -> None:
    """What types cannot say: keys are unique where they must be, weeks in order, references lead somewhere."""
    if (path := next(_outside(document, "$"), None)) is not None:
        raise Malformed(DAYS, path)
    kpis = {str(kpi.get("key")) for kpi in document.scorecard.get("kpis", []) if isinstance(kpi, dict)}
    _unique([phase.number for phase in document.phases], "$.phases", "number")
    for place, phase in enumerate(document.phases):
        path = f"$.phases[{place}]"
        if not 1 <= phase.week_from <= phase.week_to:
            raise Malformed("week_from must be at least 1 and not after week_to", f"{path}.week_to")
        _unique([task.key for task in phase.tasks], f"{path}.tasks", "key")
        _unique([impact.key for impact in phase.impacts], f"{path}.impacts", "key")
        _known([impact.task for impact in phase.impacts], {t.key for t in phase.tasks}, f"{path}.impacts", "task")
        _known([impact.kpi for impact in phase.impacts], kpis, f"{path}.impacts", "kpi")
    for name in ("costs", "benefits", "risks", "load_profiles", "alert_rules"):
        _unique([row.key for row in getattr(document, name)], f"$.{name}", "key")
    for place, benefit in enumerate(document.benefits):
        _known([link.kpi for link in benefit.kpis], kpis, f"$.benefits[{place}].kpis", "kpi")
    for place, risk in enumerate(document.risks):
        _unique([mitigation.key for mitigation in risk.mitigations], f"$.risks[{place}].mitigations", "key")
        _known([trigger.kpi for trigger in risk.triggers], kpis, f"$.risks[{place}].triggers", "kpi")
        for field in ("likelihood", "impact", "residual_likelihood", "residual_impact"):
            value = getattr(risk, field)
            if value is not None and not 1 <= value <= 5:
                raise Malformed("must be 1…5", f"$.risks[{place}].{field}")
    _known([rule.kpi for rule in document.alert_rules], kpis, "$.alert_rules", "kpi")


def _outside(value: Any, path: str) -> Iterator[str]:
    """The places of days and times that lie outside of what is planned."""
    if isinstance(value, date):
        if not is_day(value.date() if isinstance(value, datetime) else value):
            yield path
    elif isinstance(value, Record):
        for name in value.__struct_fields__:
            yield from _outside(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _outside(item, f"{path}[{place}]")


def _unique(keys: list[Any], path: str, field: str) -> None:
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise Malformed(f"{key} is there twice", f"{path}[{place}].{field}")


def _known(names: list[str | None], known: set[str], path: str, field: str) -> None:
    for place, name in enumerate(names):
        if name is not None and name not in known:
            raise Malformed(f"there is no {field} {name!r} in this file", f"{path}[{place}].{field}")
