"""A task finds the connection of the one before it, unless that is too old or gone."""

from __future__ import annotations

import time

import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_prerun
from django.db import connection

from config.celery import app
from probes.tasks import tick

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
"""SQLite's database of the tests stands in memory, whose connection nothing closes."""


@pytest.mark.parametrize(
    ("old", "eager", "stays"),
    [(False, False, True), (True, False, False), (True, True, True)],
    ids=["new", "old", "called in place"],
)
def test_a_connection_is_kept_from_task_to_task_until_it_is_old(old: bool, eager: bool, stays: bool) -> None:
    connection.ensure_connection()
    connection.close_at = 0 if old else time.monotonic() + 60
    kept = connection.connection
    DjangoWorkerFixup(app).close_database()  # what a worker does before a task
    tick.push_request(is_eager=eager)
    try:
        task_prerun.send(sender=tick, task_id="1", task=tick, args=(), kwargs={})
    finally:
        tick.pop_request()
    assert (connection.connection is kept) is stays
