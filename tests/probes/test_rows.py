"""Rows written past the ORM are those that the ORM would have written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction

from probes.models import Probe, Run, RunState
from probes.rows import add, blank, renew, soon
from tests.probes.factories import NOW, make_probe

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
TEXT = "“quoted” 'it' \\ % ü\n"


def test_runs_are_added_with_the_ids_that_they_get() -> None:
    probes = [make_probe() for _ in range(3)]
    runs = [Run(probe=probe, due_at=NOW, state=RunState.RUNNING, details={"retry_of": probe.pk}) for probe in probes]
    add(runs)
    add([])
    stored = {run.pk: (run.probe_id, run.due_at, run.state, run.details, run.readings, run.error) for run in Run.objects.all()}
    assert stored == {run.pk: (run.probe_id, NOW, RunState.RUNNING, {"retry_of": run.probe_id}, [], "") for run in runs}
    runs[0].error = TEXT
    runs[0].save()
    assert Run.objects.count() == 3


def test_a_blank_run_is_one_of_the_model() -> None:
    probe = make_probe()
    first, second, ours = blank(probe), blank(probe), Run(probe=probe, due_at=probe.next_run_at)
    assert {**vars(first), "_state": None} == {**vars(ours), "_state": None}
    first.details["mine"] = True
    assert (second.details, first._state.adding, first._state.db) == ({}, True, None)


def test_renewing_writes_the_named_fields_of_these_rows_alone() -> None:
    first, second, other = (make_probe(memory={"a": 1}, failures=2) for _ in range(3))
    for number, probe in enumerate((first, second)):
        probe.memory, probe.failures, probe.interval_s = {"text": TEXT, "n": [number, None, 1.5, True]}, 7, 999
        probe.claimed_until = NOW + timedelta(microseconds=number) if number else None
    renew([first, second], ["memory", "claimed_until", "failures"])
    renew([], ["memory"])
    assert list(Probe.objects.order_by("pk").values_list("memory", "claimed_until", "failures", "interval_s")) == [
        ({"text": TEXT, "n": [0, None, 1.5, True]}, None, 7, 60),
        ({"text": TEXT, "n": [1, None, 1.5, True]}, NOW + timedelta(microseconds=1), 7, 60),
        ({"a": 1}, None, 2, 60),
    ]
    assert other.failures == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_transaction_alone_does_not_wait_for_the_disk() -> None:
    with transaction.atomic():
        soon()
        assert _waits() == "off"
    assert _waits() == "on"


def _waits() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        (found,) = cursor.fetchone()
    return str(found)
