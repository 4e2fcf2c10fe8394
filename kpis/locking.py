"""One writer at a time for each KPI: its lock is the row in which the judge remembers, taken in the order of the ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.prepared import Prepared, Slot
from kpis import storing
from kpis.evaluation import Status
from kpis.models import KpiState

Ask = Callable[[], Callable[[], Any]]
"""Sends a question, and returns what fetches its answer."""

STATE = ["kpi", "status", "since", "memory"]

_LOCKED = Prepared(lambda: KpiState.objects.select_for_update().filter(kpi_id__any_of=Slot("kpis")).order_by("pk"))


def states(kpi_ids: Collection[int], *, now: datetime) -> dict[int, KpiState]:
    """What the judge remembers of these KPIs, locked until the transaction ends; made where it was missing.

    Whoever changes measurements, rollups or current values holds it. What is locked already is let go before a missing one is
    made, so that no two writers ever wait for each other.
    """
    return behind(kpi_ids, [], now=now)[0]


def behind(kpi_ids: Collection[int], questions: Sequence[Ask], *, now: datetime) -> tuple[dict[int, KpiState], list[Any]]:
    """The same, and the answers to questions that are asked behind the locks, in the same breath."""
    ids = sorted(set(kpi_ids))
    before = transaction.savepoint() if len(ids) > 1 else None
    locks, asked = _LOCKED.ask(kpis=ids), [ask() for ask in questions]
    found = {state.kpi_id: state for state in locks()}
    answers = [answer() for answer in asked]
    missing = set(ids) - found.keys()
    if before is not None:
        (transaction.savepoint_rollback if missing else transaction.savepoint_commit)(before)
    if missing:
        _make(missing, now)
        found = {state.kpi_id: state for state in _LOCKED(kpis=ids)}
        answers = [ask()() for ask in questions]  # others could still write when they were asked before
    return found, answers


def _make(kpi_ids: Iterable[int], now: datetime) -> None:
    blank: list[tuple[Any, ...]] = [(pk, Status.NO_DATA.value, now, {}) for pk in sorted(kpi_ids)]
    storing.insert_missing(KpiState, STATE, blank)
