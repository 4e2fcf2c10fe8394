"""Optimistic locking: an edit names the version that it was made from, and never goes over the change of somebody else."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class StaleEdit(Exception):
    """Somebody else changed the row meanwhile (or removed it: `current` is None). Nothing was written."""

    def __init__(self, current: models.Model | None) -> None:
        super().__init__(f"{current} was changed by somebody else meanwhile" if current else "it was removed meanwhile")
        self.current = current


def locked(row: Row, version: int | None, *, removing: bool = False) -> Row:
    """The row as it stands, locked until the transaction ends; StaleEdit unless it has the version.

    Others may go on referring to it meanwhile (a measurement that opens an alert of a KPI waits for nobody's edit), unless it
    is about to be removed.
    """
    expected = row.version if version is None else version  # type: ignore[attr-defined]
    current = type(row)._default_manager.select_for_update(no_key=not removing).filter(pk=row.pk).first()
    if current is None or current.version != expected:  # type: ignore[attr-defined]
        raise StaleEdit(current)
    return current


def shown(value: Any) -> Any:
    """A field's value as the history keeps it (JSON)."""
    if isinstance(value, models.Model):
        return getattr(value, "username", None) or getattr(value, "key", None) or str(value)
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)


def figures(row: models.Model, names: Any) -> dict[str, Any]:
    """Fields of a row as the history keeps them."""
    return {name: shown(getattr(row, name)) for name in names}
