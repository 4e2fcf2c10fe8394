"""Who measures what, and when next."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from probes import load_parts
from probes.claiming import LEASE, Claim, _lost, claim, next_time, take_up_again
from probes.models import Probe, Run, RunState
from tests.probes.factories import NOW, make_probe, make_run, make_service

SECOND = timedelta(seconds=1)
pytestmark = [pytest.mark.django_db, pytest.mark.databases]


def claimed(*, now=NOW) -> set[int]:
    return {one.probe.pk for one in claim(now=now)}


def test_what_is_due_is_claimed_once() -> None:
    due, later = make_probe(), make_probe(next_run_at=NOW + SECOND)
    (one,) = claim(now=NOW + SECOND / 2)
    assert (one.probe, one.run.state, one.run.due_at, one.run.queue_delay_ms) == (due, RunState.RUNNING, NOW, 500)
    assert claimed(now=NOW + SECOND / 2) == set()
    assert claimed(now=NOW + SECOND) == {later.pk}
    assert Run.objects.count() == 2


@pytest.mark.parametrize(
    ("probe", "service"),
    [
        ({"enabled": False}, {}),
        ({}, {"paused_at": NOW}),
        ({}, {"archived_at": NOW}),
        ({"kind": "gone"}, {}),
        ({"claimed_until": NOW + SECOND}, {}),
    ],
)
def test_what_must_rest_is_left_alone(probe: dict[str, object], service: dict[str, object]) -> None:
    make_probe(make_service(**service), **probe)
    assert claimed() == set()


def test_timed_probes_of_one_service_go_one_after_another() -> None:
    service = make_service()
    first, second = make_probe(service), make_probe(service)
    other = make_probe()
    assert claimed() == {first.pk, other.pk}
    assert claimed() == set()
    Probe.objects.filter(pk=first.pk).update(claimed_until=None)
    assert claimed() == {second.pk}


def test_a_queued_run_is_taken_up_before_a_new_one_is_made() -> None:
    probe = make_probe()
    queued = make_run(probe, state=RunState.QUEUED, outcome="", due_at=NOW - SECOND, started_at=None, finished_at=None)
    (one,) = claim(now=NOW)
    assert (one.run, one.run.queue_delay_ms, Run.objects.count()) == (queued, 1000, 1)
    assert Run.objects.get().state == RunState.RUNNING


def test_a_long_absence_still_fits_into_the_delay() -> None:
    make_probe(next_run_at=NOW - timedelta(days=90))
    assert claim(now=NOW)[0].run.queue_delay_ms == 2**31 - 1


def test_the_next_time_keeps_the_beat_and_forgets_what_was_missed() -> None:
    probe = make_probe(interval_s=60)
    assert abs(next_time(probe, NOW) - (NOW + 60 * SECOND)) <= 3 * SECOND
    assert abs(next_time(probe, NOW + timedelta(hours=1)) - (NOW + timedelta(hours=1) + 60 * SECOND)) <= 3 * SECOND


@pytest.mark.parametrize(("kind", "failures", "factor"), [("http", 0, 1), ("http", 50, 1)])
def test_availability_never_backs_off(kind: str, failures: int, factor: int) -> None:
    probe = make_probe(kind=kind, failures=failures)
    assert abs(next_time(probe, NOW) - (NOW + factor * 60 * SECOND)) <= 3 * SECOND


@pytest.mark.parametrize(("failures", "factor"), [(2, 1), (3, 2), (4, 4), (6, 15), (99, 15)])
def test_what_keeps_failing_is_asked_less_often_up_to_a_quarter_of_an_hour(failures: int, factor: int) -> None:
    probe = make_probe(kind="memory", failures=failures)
    assert abs(next_time(probe, NOW) - (NOW + factor * 60 * SECOND)) <= 3 * SECOND


def test_a_lost_run_is_marked_and_taken_up_again_as_a_retry() -> None:
    probe = make_probe(interval_s=86400)
    (lost,) = claim(now=NOW)
    late = NOW + LEASE + SECOND
    (again,) = claim(now=late)
    first = Run.objects.get(pk=lost.run.pk)
    assert (first.state, first.outcome, first.finished_at, first.readings) == (RunState.DONE, "abandoned", late, [])
    assert (again.probe, again.run.details, again.run.state) == (probe, {"retry_of": first.pk}, RunState.RUNNING)


def test_a_retry_that_is_lost_too_is_left_to_the_schedule() -> None:
    make_probe(interval_s=86400)
    claim(now=NOW)
    claim(now=NOW + LEASE + SECOND)
    assert take_up_again(now=NOW + 3 * LEASE) == 1
    assert claimed(now=NOW + 3 * LEASE) == set()
    assert set(Run.objects.values_list("outcome", flat=True)) == {"abandoned"}


def test_claiming_asks_the_same_few_questions_however_many_are_due(django_assert_num_queries) -> None:
    for _ in range(30):
        make_probe()
    with django_assert_num_queries(11):  # one tells PostgreSQL not to wait for the disk, or asks SQLite for the ids
        assert len(claim(now=NOW)) == 30


def test_what_is_asked_every_second_reads_no_run_that_is_over() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads a table as small as this one from end to end
            cursor.execute("SET LOCAL enable_seqscan TO off")
    queued = Run.objects.filter(probe_id__in=[1, 2], state=RunState.QUEUED, finished_at=None)
    for question in (_lost(NOW, NOW), queued, load_parts._waiting(NOW)):
        assert "run_not_done" in question.explain()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_never_take_the_same() -> None:
    services = [make_service() for _ in range(10)]
    for service in services * 2:
        make_probe(service)
    found: list[Claim] = []
    barrier = threading.Barrier(4)

    def worker() -> None:
        barrier.wait()
        for _ in range(4):
            found.extend(claim(now=timezone.now(), most=3))
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.probe.pk for one in found}) == len(found)
    assert len({one.probe.service_id for one in found}) == len(found) == 10
    assert Run.objects.count() == 10
