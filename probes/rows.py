"""Writing many rows at once, past the ORM's expressions: those cost more than all the rest of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec
from django.db import connection
from django.db.models import Field, Model

from accounts.prepared import instance
from kpis.storing import plain
from probes.models import Probe, Run

M = TypeVar("M", bound=Model)


def soon() -> None:
    """Let this transaction return before it is on the disk, where nobody acts on it before something later is.

    A crash of the server takes away what it did in the last half second as a whole: nothing is half there, and whoever commits
    after it, waiting for the disk, takes it along. SQLite does so with every transaction (`synchronous=NORMAL`).
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO off")


def renew(rows: Sequence[M], names: Sequence[str]) -> None:
    """Write these fields of rows that are locked and so are known to exist: one UPDATE."""
    if not rows:
        return
    fields = _fields(type(rows[0]), ("pk", *names))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_update(type(rows[0]), tuple(names)), [_objects(rows, fields)])
            return
        table, (pk, *columns) = _table(type(rows[0])), [_column(field) for field in fields]
        cursor.executemany(
            f"UPDATE {table} SET {', '.join(f'{one} = %s' for one in columns)} WHERE {pk} = %s",
            _tuples(rows, [*fields[1:], fields[0]]),
        )


def blank(probe: Probe) -> Run:
    """A run of a probe for the time when that is due, as the model makes it; not stored yet."""
    made: Run = instance(Run, {name: default() for name, default in _defaults()})
    made.probe_id, made.due_at = probe.pk, probe.next_run_at
    return made


@cache
def _defaults() -> list[tuple[str, Callable[[], Any]]]:
    return [(field.attname, field.get_default) for field in Run._meta.concrete_fields]


def add(runs: Sequence[Run]) -> None:
    """Insert new runs, each of another probe, and give them their ids."""
    if not runs:
        return
    statement, fields = _insert(connection.vendor)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(statement, [_objects(runs, fields)])
            ids = {probe: pk for pk, probe in cursor.fetchall()}
        else:  # nobody else writes before this transaction ends, so that they follow each other
            cursor.executemany(statement, _tuples(runs, fields))
            cursor.execute("SELECT last_insert_rowid()")
            last = cursor.fetchone()[0]
            ids = {run.probe_id: pk for pk, run in enumerate(runs, start=last - len(runs) + 1)}
    for run in runs:
        run.pk = ids[run.probe_id]
        run._state.adding, run._state.db = False, connection.alias


@cache
def _update(model: type[Model], names: tuple[str, ...]) -> str:
    pk, *fields = _fields(model, ("pk", *names))
    changes = ", ".join(f"{_column(field)} = w.{_column(field)}" for field in fields)
    return (
        f"UPDATE {_table(model)} SET {changes} FROM json_to_recordset(%s) AS w({_record([pk, *fields])})"
        f" WHERE {_table(model)}.{_column(pk)} = w.{_column(pk)}"
    )


@cache
def _insert(vendor: str) -> tuple[str, list[Field[Any, Any]]]:
    fields = [field for field in Run._meta.concrete_fields if not field.primary_key]
    into = f"INSERT INTO {_table(Run)} ({', '.join(map(_column, fields))})"
    if vendor != "postgresql":
        return f"{into} VALUES ({', '.join(['%s'] * len(fields))})", fields
    chosen = ", ".join(f"w.{_column(field)}" for field in fields)
    returned = f"RETURNING {_column(Run._meta.pk)}, {_column(Run._meta.get_field('probe'))}"
    return f"{into} SELECT {chosen} FROM json_to_recordset(%s) AS w({_record(fields)}) {returned}", fields


@cache
def _fields(model: type[Model], names: tuple[str, ...]) -> list[Field[Any, Any]]:
    return [model._meta.pk if name == "pk" else model._meta.get_field(name) for name in names]  # type: ignore[misc]


def _objects(rows: Sequence[Model], fields: Sequence[Field[Any, Any]]) -> str:
    """Rows as one parameter."""
    names = [(str(field.column), field.attname) for field in fields]
    return msgspec.json.encode([{column: getattr(row, name) for column, name in names} for row in rows]).decode()


def _record(fields: Sequence[Field[Any, Any]]) -> str:
    return ", ".join(
        f"{_column(field)} {field.rel_db_type(connection) if field.is_relation else _type(field)}" for field in fields
    )


def _type(field: Field[Any, Any]) -> str:
    return str(field.rel_db_type(connection) if field.primary_key else field.db_type(connection))


def _tuples(rows: Sequence[Model], fields: Sequence[Field[Any, Any]]) -> list[tuple[Any, ...]]:
    """Rows as SQLite takes them."""
    names = [field.attname for field in fields]
    return [tuple(plain(getattr(row, name)) for name in names) for row in rows]


def _column(field: Any) -> str:
    return connection.ops.quote_name(field.column)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)
