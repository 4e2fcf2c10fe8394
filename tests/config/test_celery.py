"""A task finds the connection of the one before it, unless that is too old or gone."""

from __future__ import annotations

import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_prerun
from django.db import connection

from config.celery import app
from probes.tasks import tick

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
"""SQLite's database of the tests stands in memory, whose connection nothing closes."""


def begin() -> None:
    """What a worker does before a task."""
    DjangoWorkerFixup(app).close_database()
    task_prerun.send(sender=tick, task_id="1", task=tick, args=(), kwargs={})


def test_a_connection_is_kept_from_task_to_task() -> None:
    connection.ensure_connection()
    kept = connection.connection
    begin()
    assert connection.connection is kept


def test_an_old_one_is_given_up() -> None:
    connection.ensure_connection()
    connection.close_at = 0
    kept = connection.connection
    begin()
    assert connection.connection is not kept
