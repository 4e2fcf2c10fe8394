"""The database's own ways to write and read many rows at once: COPY and arrays on PostgreSQL, prepared statements on SQLite.

Rows are tuples in the order of the fields that are named; values are what the fields hold (aware datetimes, bytes, …).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Field, Model

Rows = Sequence[tuple[Any, ...]]
COPY_FROM = 64
"""From so many rows on COPY is quicker than one INSERT of arrays."""


class Span(NamedTuple):
    """A stretch of one series, without its start and with its end; `resolution` is that of a rollup, empty for raw rows."""

    series_id: int
    after: datetime
    until: datetime
    resolution: str = ""


def insert(model: type[Model], names: Sequence[str], rows: Rows) -> None:
    """Insert new rows. Raises IntegrityError where one is there already."""
    if not rows:
        return
    if connection.vendor == "postgresql" and len(rows) >= COPY_FROM:
        _copy(model, names, rows)
    else:
        _execute(model, names, rows, "")


def insert_missing(model: type[Model], names: Sequence[str], rows: Rows) -> None:
    """Insert the rows that are not there yet; what is there stays as it is."""
    if rows:
        _execute(model, names, rows, "ON CONFLICT DO NOTHING")


def upsert(model: type[Model], names: Sequence[str], rows: Rows, *, unique: Sequence[str], changes: Mapping[str, str]) -> None:
    """Insert rows, or change those that are there: `changes` maps a field to SQL over `old` and `excluded` (the new row)."""
    if not rows:
        return
    columns = ", ".join(_column(field) for field in _fields(model, unique))
    old = _table(model)
    settings = ", ".join(
        f"{_column(model._meta.get_field(name))} = {sql.replace('old.', f'{old}.')}" for name, sql in changes.items()
    )
    _execute(model, names, rows, f"ON CONFLICT ({columns}) DO UPDATE SET {settings}")


def within(model: type[Model], select: str, spans: Sequence[Span], *, tail: str = "") -> list[tuple[Any, ...]]:
    """`SELECT series_id, …` over the rows `m` of a model that lie in spans; `tail` groups or orders them, per series.

    One statement on PostgreSQL; on SQLite, where a statement costs microseconds, one for each span.
    """
    if not spans:
        return []
    resolution = " AND m.resolution = w.resolution" if any(span.resolution for span in spans) else ""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"SELECT m.series_id, {select} FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::varchar[])"
                f" AS w(series_id, after, until, resolution) JOIN {_table(model)} m ON m.series_id = w.series_id"
                f" AND m.at > w.after AND m.at <= w.until{resolution} {tail}",
                [list(column) for column in zip(*spans, strict=True)],
            )
            return list(cursor.fetchall())
        where = " AND m.resolution = %s" if resolution else ""
        found: list[tuple[Any, ...]] = []
        for span in spans:
            parameters: list[int | str] = [span.series_id, _text(span.after), _text(span.until)]
            parameters += [span.resolution] if resolution else []
            cursor.execute(
                f"SELECT m.series_id, {select} FROM {_table(model)} m"
                f" WHERE m.series_id = %s AND m.at > %s AND m.at <= %s{where} {tail}",
                parameters,
            )
            found += cursor.fetchall()
        return found


def moment(value: datetime | str) -> datetime:
    """A time as a raw statement gives it: text on SQLite."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


def _fields(model: type[Model], names: Iterable[str]) -> list[Field[Any, Any]]:
    return [model._meta.get_field(name) for name in names]  # type: ignore[misc]


def _column(field: Any) -> str:
    return connection.ops.quote_name(field.column)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _type(field: Field[Any, Any]) -> str:
    return str(field.rel_db_type(connection) if field.is_relation and not field.primary_key else field.db_type(connection))


def _copy(model: type[Model], names: Sequence[str], rows: Rows) -> None:
    fields = _fields(model, names)
    statement = f"COPY {_table(model)} ({', '.join(map(_column, fields))}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types([_type(field).partition("(")[0] for field in fields])
        for row in rows:
            copy.write_row(row)


def _execute(model: type[Model], names: Sequence[str], rows: Rows, conflict: str) -> None:
    fields = _fields(model, names)
    into = f"INSERT INTO {_table(model)} ({', '.join(map(_column, fields))})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{_type(field).partition('(')[0]}[]" for field in fields)
            columns = [[_json(value) for value in column] for column in zip(*rows, strict=True)]
            cursor.execute(f"{into} SELECT * FROM unnest({arrays}) {conflict}", columns)
        else:
            values = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"{into} VALUES ({values}) {conflict}", [tuple(map(_plain, row)) for row in rows])


def _json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def _plain(value: Any) -> Any:
    """As SQLite keeps it."""
    return _text(value) if isinstance(value, datetime) else _json(value)


def _text(at: datetime) -> str:
    return str(at.astimezone(UTC).replace(tzinfo=None))
