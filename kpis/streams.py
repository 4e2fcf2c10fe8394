"""Which series of a KPI count: one that is set aside is stored on, and neither judged, drawn nor stale."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import User
from kpis.faults import Refused
from kpis.models import KPI, Series
from kpis.remembering import remember


def set_aside(*, series: Series, actor: User | None, why: str, now: datetime, token: str = "") -> Series:
    """Take a series out of its KPI, which is judged anew at once; what was measured stays. Raises Refused, naming the field."""
    if not why.strip():
        raise Refused("Say why it does not count.", "why")
    return _turned(series, False, "set_aside", actor, why.strip(), now, token)


def take_back(*, series: Series, actor: User | None, why: str = "", now: datetime, token: str = "") -> Series:
    """Let a series count again, with all that was measured meanwhile. Raises Refused."""
    return _turned(series, True, "take_back", actor, why.strip(), now, token)


def streams(kpi: KPI) -> list[Series]:
    """All series of a KPI, those that are set aside too."""
    return list(kpi.series.order_by("subject", "environment"))


@transaction.atomic
def _turned(series: Series, counts: bool, verb: str, actor: User | None, why: str, now: datetime, token: str) -> Series:
    row = Series.objects.select_for_update(of=("self",), no_key=True).select_related("kpi__scorecard").get(pk=series.pk)
    if row.kpi.is_archived:
        raise Refused("This KPI is archived: restore it before its series change.")
    if row.enabled == counts:
        raise Refused("It counts already." if counts else "It is set aside already.")
    row.enabled = counts
    row.save(update_fields=["enabled"])
    remember([row.kpi], now=now, look_again=True)
    told = {"kpi": f"{row.kpi.scorecard.slug}/{row.kpi.key}"}
    before, after = told | {"counts": not counts}, told | {"counts": counts}
    audit.record(actor=actor, action=f"series.{verb}", subject=row, before=before, after=after, why=why, token=token)
    return row
