"""The locks of KPIs: whoever waits for one that is being made holds no other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from kpis import locking
from kpis.models import KpiState
from tests.kpis.factories import NOW, make_kpi


def waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


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
            until = time.monotonic() + 10
            while not waiting() and time.monotonic() < until:
                time.sleep(0.01)
            assert KpiState.objects.select_for_update(nowait=True).get(kpi=there).kpi_id == there.pk
        assert both.result(timeout=10) == {there.pk, missing.pk}
