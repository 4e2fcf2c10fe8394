"""The database's own ways to write and read many rows at once: COPY and JSON on PostgreSQL, prepared statements on SQLite.

Rows are tuples in the order of the fields that are named; values are what the fields hold (aware datetimes, bytes, …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from django.db.models import Field, Model

from kpis.models import Measurement

Identity = tuple[int, datetime, str]
Rows = Sequence[tuple[Any, ...]]
COPY_FROM = 64
"""From so many rows on COPY is quicker than one INSERT out of JSON."""


IN_ONE = 300
"""Identities in one statement on SQLite, which bounds its parameters."""


class Span(NamedTuple):
    """A stretch of one series, without its start and with its end; `resolution` is that of a rollup, empty for raw rows."""

    series_id: int
    after: datetime
    until: datetime
    resolution: str = ""


class Write(NamedTuple):
    """Rows on their way into a table; `conflict` is what happens, in SQL, where one is there already."""

    model: type[Model]
    names: Sequence[str]
    rows: Rows
    conflict: str = ""


def write(*writes: Write) -> None:
    """Write to several tables, each once: in one statement on PostgreSQL, where what each costs is most of what a row costs.

    Raises IntegrityError where a row that must be new is there already.
    """
    left = [one for one in writes if one.rows]
    if connection.vendor == "postgresql":
        for one in filter(_is_copied, left):
            _copy(one.model, one.names, one.rows)
        if rest := [one for one in left if not _is_copied(one)]:
            _write_json(rest)
        return
    for one in left:
        fields = _fields(one.model, one.names)
        into = f"INSERT INTO {_table(one.model)} ({', '.join(map(_column, fields))})"
        values = ", ".join(["%s"] * len(fields))
        with connection.cursor() as cursor:
            cursor.executemany(f"{into} VALUES ({values}) {one.conflict}", [tuple(map(plain, row)) for row in one.rows])


def _is_copied(one: Write) -> bool:
    """COPY knows nothing of rows that are there."""
    return len(one.rows) >= COPY_FROM and not one.conflict


def insert_missing(model: type[Model], names: Sequence[str], rows: Rows) -> None:
    """Insert the rows that are not there yet; what is there stays as it is."""
    write(Write(model, names, rows, "ON CONFLICT DO NOTHING"))


def upserting(
    model: type[Model], names: Sequence[str], rows: Rows, *, unique: Sequence[str], changes: Mapping[str, str]
) -> Write:
    """Insert rows, or change those that are there: `changes` maps a field to SQL over `old` and `excluded` (the new row)."""
    return Write(model, names, rows, _change(model, tuple(unique), tuple(changes.items())) if rows else "")


def within(model: type[Model], select: str, spans: Sequence[Span], *, grouped: bool = False) -> list[tuple[Any, ...]]:
    """`SELECT series_id, …` over the rows `m` of a model that lie in spans; `grouped` makes one row of those of a span."""
    return ask_within(model, select, spans, grouped=grouped)()


def ask_within(
    model: type[Model], select: str, spans: Sequence[Span], *, grouped: bool = False
) -> Callable[[], list[tuple[Any, ...]]]:
    """The same, asked now and fetched later: what is asked in a row waits but once (`accounts.prepared.unwaiting`)."""
    if not spans:
        return list
    resolved, table = any(span.resolution for span in spans), _table(model)
    if connection.vendor == "postgresql":
        cursor = connection.cursor()
        resolution, tail = " AND m.resolution = w.resolution" if resolved else "", "GROUP BY m.series_id" if grouped else ""
        cursor.execute(
            "SELECT w.series_id, found.* FROM json_to_recordset(%s)"
            " AS w(series_id bigint, after timestamptz, until timestamptz, resolution varchar)"
            f" CROSS JOIN LATERAL (SELECT {select} FROM {table} m WHERE m.series_id = w.series_id"
            f" AND m.at > w.after AND m.at <= w.until{resolution} {tail} OFFSET 0) found",
            [_objects(Span._fields, spans)],
        )

        def rows() -> list[tuple[Any, ...]]:
            with cursor:
                return list(cursor.fetchall())

        return rows
    # A cross join is not turned round: each span is looked up by the index.
    resolution, tail = " AND m.resolution = w.value ->> 3" if resolved else "", "GROUP BY w.key" if grouped else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT m.series_id, {select} FROM json_each(%s) w CROSS JOIN {table} m WHERE m.series_id = w.value ->> 0"
            f" AND m.at > w.value ->> 1 AND m.at <= w.value ->> 2{resolution} {tail}",
            [_json([(pk, _text(after), _text(until), *rest) for pk, after, until, *rest in spans])],
        )
        found = list(cursor.fetchall())
    return lambda: found


class Kept(msgspec.Struct, frozen=True):
    """What a stored measurement says; the histogram as it is kept."""

    value: float
    count: int
    histogram: bytes | None
    reported: bool


def stored(identities: Sequence[Identity]) -> dict[Identity, Kept]:
    """What those measurements say, given as (series id, time, origin), that are stored."""
    if not identities:
        return {}
    table = _table(Measurement)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT m.series_id, m.at, m.origin, m.value, m.count, m.histogram, m.reported FROM json_to_recordset(%s)"
                f" AS w(series_id bigint, at timestamptz, origin varchar) JOIN {table} m USING (series_id, at, origin)",
                [_objects(("series_id", "at", "origin"), identities)],
            )
            return {(pk, at, origin): Kept(*said) for pk, at, origin, *said in cursor.fetchall()}
        found: dict[Identity, Kept] = {}
        for start in range(0, len(identities), IN_ONE):
            part = identities[start : start + IN_ONE]
            places = ", ".join(["(%s, %s, %s)"] * len(part))
            cursor.execute(
                f"SELECT series_id, at, origin, value, count, histogram, reported FROM {table}"
                f" WHERE (series_id, at, origin) IN (VALUES {places})",
                [value for pk, at, origin in part for value in (pk, _text(at), origin)],
            )
            found |= {(pk, moment(at), origin): Kept(*said) for pk, at, origin, *said in cursor.fetchall()}
        return found


def moment(value: datetime | str) -> datetime:
    """A time as a raw statement gives it: on SQLite text, or without its zone."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _objects(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as one parameter, which the planner cannot count, so that it looks rows up by index; bytes become base64."""
    return _json([dict(zip(names, row, strict=True)) for row in rows])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


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


def _write_json(writes: Sequence[Write]) -> None:
    parts = [_insert_json(one.model, tuple(one.names), one.conflict) for one in writes]
    before = ", ".join(f"w{number} AS ({statement})" for number, (statement, _) in enumerate(parts[:-1]))
    statement = f"WITH {before} {parts[-1][0]}" if before else parts[-1][0]
    with connection.cursor() as cursor:
        cursor.execute(statement, [_objects(columns, one.rows) for one, (_, columns) in zip(writes, parts, strict=True)])


@cache
def _insert_json(model: type[Model], names: tuple[str, ...], conflict: str) -> tuple[str, list[str]]:
    """The statement on PostgreSQL, and the names that its objects give their values by."""
    types = {str(field.column): _type(field) for field in _fields(model, names)}
    chosen = [f"decode(w.{name}, 'base64')" if kind == "bytea" else f"w.{name}" for name, kind in types.items()]
    record = [f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in types.items()]
    into = f"INSERT INTO {_table(model)} ({', '.join(map(_column, _fields(model, names)))})"
    statement = f"{into} SELECT {', '.join(chosen)} FROM json_to_recordset(%s) AS w({', '.join(record)}) {conflict}"
    return statement, list(types)


@cache
def _change(model: type[Model], unique: tuple[str, ...], changes: tuple[tuple[str, str], ...]) -> str:
    """What happens to a row that is there."""
    columns = ", ".join(_column(field) for field in _fields(model, unique))
    old = _table(model)
    settings = ", ".join(f"{_column(model._meta.get_field(name))} = {sql.replace('old.', f'{old}.')}" for name, sql in changes)
    return f"ON CONFLICT ({columns}) DO UPDATE SET {settings}"


def plain(value: Any) -> Any:
    """As SQLite keeps it."""
    if isinstance(value, datetime):
        return _text(value)
    return _json(value) if isinstance(value, dict | list) else value


def _text(at: datetime) -> str:
    return str(at.astimezone(UTC).replace(tzinfo=None))
