"""The locks of KPIs: whoever waits for one that is being made holds no other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from kpis import defining, locking
from kpis.loading import load_scorecard
from kpis.models import KPI, KpiState
from tests.kpis.factories import NOW, make_kpi, make_scorecard, record_values
from tests.locks import until_it_waits


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_row_that_is_being_made_holds_no_other() -> None:
    there, missing = make_kpi(), make_kpi()
    KpiState.objects.create(kpi=there, status="no_data", since=NOW)

    def lock_both() -> set[int]:
        try:
            with transaction.atomic():
                return set(locking.states([there.pk, missing.pk], now=NOW))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            KpiState.objects.create(kpi=missing, status="no_data", since=NOW)
            both = pool.submit(lock_both)
            until_it_waits(both)
            assert KpiState.objects.select_for_update(nowait=True).get(kpi=there).kpi_id == there.pk
        assert both.result(timeout=10) == {there.pk, missing.pk}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_file", [False, True])
def test_a_unit_is_not_changed_beside_a_first_figure_that_is_under_way(by_file: bool) -> None:
    kpi = make_kpi("p95", scorecard=make_scorecard("card"), unit="ms")
    KpiState.objects.create(kpi=kpi, status="no_data", since=NOW)
    entry = {"key": "p95", "name": kpi.name, "unit": "s", "direction": kpi.direction}

    def change() -> None:
        try:
            if by_file:
                load_scorecard({"slug": "card", "name": "Card", "kpis": [entry]}, now=NOW)
            else:
                defining.change(row=kpi, changes={"unit": "s"}, actor=None, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            locking.states([kpi.pk], now=NOW)
            changed = pool.submit(change)
            until_it_waits(changed)
            record_values(kpi, [400])
        with pytest.raises(ValidationError, match="keeps its meaning"):
            changed.result(timeout=10)
    assert KPI.objects.get().unit == "ms"
