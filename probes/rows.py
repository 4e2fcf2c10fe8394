"""Writing many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.db.models import Model

M = TypeVar("M", bound=Model)


def renew(rows: Sequence[M], fields: Sequence[str]) -> None:
    """Write these fields of rows that are locked and so are known to exist: one upsert.

    `bulk_update` builds an expression per row and field, which costs more than all the rest of a run.
    """
    if rows:
        type(rows[0])._default_manager.bulk_create(rows, update_conflicts=True, unique_fields=["pk"], update_fields=fields)
