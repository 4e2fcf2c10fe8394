"""Querysets compiled once: reads that happen with every request cost no building of SQL.

BY_KEY = Prepared(lambda: KPI.objects.active().filter(key__any_of=Slot("keys")))
BY_KEY(keys=["p95", "uptime"])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from django.db import connection, connections, models, transaction
from django.db.models.base import ModelState
from django.db.models.expressions import Col
from django.db.models.query import ModelIterable

Row = TypeVar("Row")


class Slot(models.Expression):
    """A value of a prepared queryset that each call gives anew; stands where a filter has a value."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


@models.ForeignObject.register_lookup
@models.Field.register_lookup
class AnyOf(models.Lookup):
    """`field__any_of=Slot("values")`: a list as one parameter, so that its length does not change the statement."""

    lookup_name = "any_of"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        place, values = self.process_rhs(compiler, connection)
        kind = (
            self.lhs.output_field.rel_db_type(connection)
            if self.lhs.output_field.is_relation
            else self.lhs.output_field.db_type(connection)
        )
        # What stands in a query of its own the planner cannot count, so that it need not plan anew for every length.
        array = f"{kind.partition('(')[0]}[]"
        return f"{column} = ANY((SELECT {place}::{array})::{array})", (*parameters, *values)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        place, values = self.process_rhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each({place}))", (*parameters, *values)  # noqa: S608 - names of columns


@dataclass(frozen=True)
class _Shape:
    """Where in a row the values of a model stand, and those of the models that hang on it."""

    model: type[models.Model]
    names: list[str]
    columns: slice
    key: int
    related: Sequence[_Shape]
    attach: Callable[[models.Model, models.Model | None], object]
    attach_back: Callable[[models.Model, models.Model], object]


@dataclass(frozen=True)
class _Statement:
    sql: str
    parameters: tuple[Any, ...]
    converters: tuple[tuple[int, list[Callable[..., Any]], Any], ...]
    shape: _Shape | None
    annotated: tuple[tuple[str, int], ...]


class Prepared(Generic[Row]):
    """A queryset with slots; calling it with their values returns its rows, as the queryset would give them."""

    def __init__(self, build: Callable[[], models.QuerySet[Any, Row]]) -> None:
        self._build = build
        self._statements: dict[str, _Statement] = {}

    def __call__(self, **values: Any) -> list[Row]:
        return self.ask(**values)()

    def ask(self, **values: Any) -> Callable[[], list[Row]]:
        """Send it, and let the answer be fetched later: what is asked in `together` or `unwaiting` in a row waits but once."""
        statement = self._statements.get(connection.vendor)
        if statement is None:
            statement = self._statements[connection.vendor] = _compiled(self._build())
        given = {name: _plain(value) for name, value in values.items()} if connection.vendor == "sqlite" else values
        cursor = connection.cursor()
        cursor.execute(statement.sql, [given[one.name] if isinstance(one, Slot) else one for one in statement.parameters])

        def rows() -> list[Row]:
            with cursor:
                return list(_made(statement, cursor.fetchall()))

        return rows


@contextmanager
def together() -> Iterator[None]:
    """A transaction whose statements do not wait for each other's answers: they wait where one is fetched, or at its end.

    On PostgreSQL only, and not for COPY. An error shows where something is waited for; how many rows a statement changed is not
    known, so that `update()` says nothing and `save()` of a row that is there fails. The pipeline stands within the transaction
    and commits it: the other way round, the driver asks the server twice whether one is open, and what fails in a savepoint
    leaves nothing of the transaction around it.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if connection.vendor != "postgresql":
            yield
            return
        with _pipeline():
            yield
            if outermost and not connection.needs_rollback:
                connection.connection.commit()


@contextmanager
def unwaiting() -> Iterator[None]:
    """A part of an open transaction in which statements do not wait, as in `together`, within which it changes nothing.

    Its errors show at its end at the latest, and leave nothing of the transaction.
    """
    if connection.vendor != "postgresql" or connection.connection.pgconn.pipeline_status:
        yield
        return
    with _pipeline():
        yield


@contextmanager
def _pipeline() -> Iterator[None]:
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def fetched(queryset: models.QuerySet[Any, Row]) -> list[Row]:
    """The rows of a queryset that is asked but once, made as `Prepared` makes them."""
    return Prepared(lambda: queryset)()


def instance(model: type[models.Model], values: dict[str, Any], *, stored_in: str | None = None) -> Any:
    """A row as an object of its model, past Django's signals and without a look at each field: that takes five times as long.

    `values` are those of its columns; one that is left out is read when it is asked for.
    """
    made = model.__new__(model)
    values["_state"] = state = ModelState()
    if stored_in is not None:
        state.adding, state.db = False, stored_in
    made.__dict__ = values
    return made


def _compiled(queryset: models.QuerySet[Any, Any]) -> _Statement:
    compiler = queryset.query.get_compiler(queryset.db)
    sql, parameters = compiler.as_sql()
    select = compiler.select
    info = compiler.klass_info if queryset._iterable_class is ModelIterable else None
    converters = {
        place: ([_quick(one, column) for one in needed], column)
        for place, (functions, column) in compiler.get_converters([column for column, *_ in select]).items()
        if (needed := [function for function in functions if not _done(function, column)])
    }
    return _Statement(
        sql=sql,
        parameters=tuple(parameters),
        converters=tuple((place, functions, column) for place, (functions, column) in converters.items()),
        shape=_shape(info, select) if info else None,
        annotated=tuple(compiler.annotation_col_map.items()) if info else (),
    )


def _done(function: Callable[..., Any], column: Any) -> bool:
    """Whether SQLite's driver has done that already, by the type that the column of a table was declared with."""
    ops: Any = connection.ops
    settled = connection.vendor == "sqlite" and isinstance(column, Col)
    return settled and function in (ops.convert_datetimefield_value, ops.convert_booleanfield_value)


def _quick(converter: Callable[..., Any], column: Any) -> Callable[..., Any]:
    """A converter, that of plain JSON replaced by one that reads most texts in a quarter of the time, and hands on the rest."""
    if not isinstance(column, Col) or converter != getattr(column.target, "from_db_value", None):
        return converter
    if not isinstance(column.target, models.JSONField) or column.target.decoder is not None:
        return converter

    def read(value: Any, column: Any, base: Any) -> Any:
        try:
            return msgspec.json.decode(value)
        except (TypeError, msgspec.DecodeError):
            return converter(value, column, base)

    return read


def _shape(info: Mapping[str, Any], select: Sequence[Any]) -> _Shape:
    model, places = info["model"], info["select_fields"]
    names = [select[place][0].target.attname for place in places]
    return _Shape(
        model=model,
        names=names,
        columns=slice(places[0], places[-1] + 1),
        key=places[names.index(model._meta.pk.attname)],
        related=[_shape(one, select) for one in info.get("related_klass_infos", [])],
        attach=info.get("local_setter", _nowhere),
        attach_back=info.get("remote_setter", _nowhere),
    )


def _nowhere(*_: models.Model | None) -> None:
    """What stands for itself hangs on nothing."""


def _made(statement: _Statement, rows: Iterable[Sequence[Any]]) -> Iterable[Any]:
    if statement.shape is None and not statement.converters:
        yield from rows
        return
    base = connections[connection.alias]  # its proxy takes longer to find it than a converter to convert
    for row in rows:
        if statement.converters:
            row = list(row)
            for place, functions, column in statement.converters:
                for function in functions:
                    row[place] = function(row[place], column, base)
        if statement.shape is None:
            yield tuple(row)
            continue
        made = _object(statement.shape, row, base.alias)
        for name, place in statement.annotated:
            setattr(made, name, row[place])
        yield made


def _object(shape: _Shape, row: Sequence[Any], alias: str) -> models.Model:
    made: models.Model = instance(shape.model, dict(zip(shape.names, row[shape.columns], strict=True)), stored_in=alias)
    for one in shape.related:
        other = None if row[one.key] is None else _object(one, row, alias)
        one.attach(made, other)
        if other is not None:
            one.attach_back(other, made)
    return made


def _plain(value: Any) -> Any:
    """As SQLite takes it: a list as JSON, a time as Django keeps it there."""
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return msgspec.json.encode(value).decode() if isinstance(value, list | tuple | set | frozenset) else value
