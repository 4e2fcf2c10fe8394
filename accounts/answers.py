"""Answers by their types, which the functions that build them return; `config.schema` describes the API by the same types.

A TypedDict `TargetOut` is the component `Target`, `Page[TargetOut]` is `TargetPage`; a dataclass whose `asdict` is answered
is one too. In their fields `Annotated[str, Status]` is a text out of an enumeration (or of the choices of a model's field),
`Annotated[dict[str, Any], Objective]` is the data of another type, a dict beside the type is more of its schema, and a
text tells what a reader cannot guess: a unit, or why it may be null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypedDict, TypeVar

from rest_framework.serializers import BaseSerializer

Row = TypeVar("Row")
Kind = TypeVar("Kind", bound=type)
BESIDE = "answered_beside"


class Page(TypedDict, Generic[Row]):
    next: Annotated[str | None, "Where the next rows are; null on the last page."]
    previous: str | None
    results: list[Row]


class WarningOut(TypedDict):
    """What was taken, but may not have been meant."""

    path: str
    detail: str


def whole(rows: list[Row]) -> Page[Row]:
    """All rows of a list that is short by nature, as one page."""
    return {"next": None, "previous": None, "results": rows}


def beside(serializer: type[BaseSerializer[Any]]) -> Callable[[Kind], Kind]:
    """Says of a TypedDict that its fields are answered together with those of a serializer."""

    def said(kind: Kind) -> Kind:
        setattr(kind, BESIDE, serializer)
        return kind

    return said
