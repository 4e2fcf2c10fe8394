"""Many rows at once, into one table or several."""

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from kpis import storing
from kpis.evaluation import Status
from kpis.models import KpiState, Series
from kpis.storing import Write
from tests.kpis.factories import NOW, make_kpi

STATE = ["kpi", "status", "since", "memory"]

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def series(kpi_id: int) -> Write:
    return Write(Series, ["kpi", "subject", "environment", "enabled"], [(kpi_id, "orders", "", True)])


def state(kpi_id: int, status: Status = Status.MET) -> Write:
    return Write(KpiState, STATE, [(kpi_id, status.value, NOW, {})])


def counted() -> tuple[int, int]:
    return Series.objects.count(), KpiState.objects.count()


def test_several_tables_are_one_statement_on_postgresql(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    kpi = make_kpi()
    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 2):
        storing.write(series(kpi.pk), Write(KpiState, ["kpi"], []), state(kpi.pk))
    assert counted() == (1, 1)
    assert KpiState.objects.get().since == NOW


def test_many_rows_go_beside_what_is_changed() -> None:
    kpi = make_kpi()
    storing.write(state(kpi.pk))
    many = series(kpi.pk)._replace(rows=[(kpi.pk, f"service-{number}", "", True) for number in range(storing.COPY_FROM)])
    breached = state(kpi.pk, Status.BREACHED).rows
    storing.write(many, storing.upserting(KpiState, STATE, breached, unique=["kpi"], changes={"status": "excluded.status"}))
    assert (counted(), KpiState.objects.get().status) == ((storing.COPY_FROM, 1), Status.BREACHED)


def test_what_one_table_refuses_goes_into_none() -> None:
    kpi = make_kpi()
    storing.write(state(kpi.pk))
    with pytest.raises(IntegrityError), transaction.atomic():
        storing.write(series(kpi.pk), state(kpi.pk))
    assert counted() == (0, 1)


def test_what_is_there_is_changed_beside_what_is_new() -> None:
    kpi = make_kpi()
    storing.write(state(kpi.pk))
    again = state(kpi.pk, Status.BREACHED).rows
    changed = storing.upserting(KpiState, STATE, again, unique=["kpi"], changes={"status": "excluded.status"})
    storing.write(series(kpi.pk), changed)
    assert (counted(), KpiState.objects.get().status) == ((1, 1), Status.BREACHED)
