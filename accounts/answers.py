"""How answers are described: by the types of the functions that build them, so that no description departs from its code.

A TypedDict `TargetOut` is the component `Target` of the OpenAPI description, `Page[TargetOut]` is `TargetPage`; a dataclass
whose `asdict` is answered is one too. In their fields `Annotated[str, Status]` is a text out of an enumeration, and a text
beside the type tells what a reader cannot guess: a unit, or why it may be null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from enum import Enum
from itertools import chain
from types import UnionType
from typing import (
    Annotated,
    Any,
    Generic,
    NotRequired,
    TypedDict,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec
from django.db.models import Choices
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import (
    ResolvedComponent,
    append_meta,
    build_array_type,
    build_object_type,
    force_instance,
    is_serializer,
    list_hash,
    resolve_type_hint,
)
from rest_framework.serializers import BaseSerializer

Schema = dict[str, Any]
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


class AnswerExtension(OpenApiSerializerExtension):
    """Teaches drf-spectacular these types as named components, nested ones too."""

    @classmethod
    def _matches(cls, target: Any) -> bool:
        kind = get_origin(target) or target
        return is_typeddict(kind) or (isinstance(kind, type) and is_dataclass(kind))

    def get_name(self, auto_schema: Any, direction: str) -> str:
        rows = "".join(auto_schema._get_serializer_name(force_instance(row), direction) for row in get_args(self.target))
        return rows + (get_origin(self.target) or self.target).__name__.removesuffix("Out")

    def map_serializer(self, auto_schema: Any, direction: str) -> Schema:
        kind = get_origin(self.target) or self.target
        stands_for = dict(zip(getattr(kind, "__parameters__", ()), get_args(self.target), strict=False))
        hints = get_type_hints(kind, include_extras=True)
        fields = {name: _schema(hint, auto_schema, stands_for) for name, hint in hints.items()}
        required = [name for name, hint in hints.items() if get_origin(hint) is not NotRequired]
        if hasattr(kind, BESIDE):
            shown = auto_schema._map_serializer(getattr(kind, BESIDE), direction)
            fields, required = shown["properties"] | fields, shown["required"] + required
        return build_object_type(properties=fields, required=required, description=kind.__doc__ or "")


class RecordExtension(OpenApiSerializerExtension):
    """The same of msgspec's records, which are files that go in and out: `roadmap.document.Document` is `RoadmapDocument`."""

    target_class = msgspec.Struct
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: str) -> str:
        return self._app() + str(self.target.__name__)

    def get_identity(self, auto_schema: Any, direction: str) -> str:
        return self.get_name(auto_schema, direction)

    def map_serializer(self, auto_schema: Any, direction: str) -> Schema:
        template = f"#/components/schemas/{self._app()}{{name}}"
        _, parts = msgspec.json.schema_components([self.target], ref_template=template)
        for field in chain.from_iterable(part["properties"].values() for part in parts.values()):
            if "enum" in field:  # one level down drf-spectacular does not give it a name beside that of the same choices
                field["anyOf"] = [{"enum": field.pop("enum")}]
        whole = parts.pop(self.target.__name__)
        for name, part in parts.items():
            named = self._app() + name
            auto_schema.registry.register_on_missing(ResolvedComponent(named, ResolvedComponent.SCHEMA, part, named))
        return whole

    def _app(self) -> str:
        return str(self.target.__module__.partition(".")[0].capitalize())


def _schema(hint: Any, auto_schema: Any, stands_for: dict[Any, Any]) -> Schema:
    """`stands_for`: what the type variables of the whole are."""
    kind, args = get_origin(hint), get_args(hint)
    if isinstance(hint, TypeVar):
        return _schema(stands_for[hint], auto_schema, {})
    if kind in (Union, UnionType):
        return _union(args, auto_schema, stands_for)
    if kind is NotRequired:
        return _schema(args[0], auto_schema, stands_for)
    if kind is Annotated:
        return _annotated(args[0], hint.__metadata__, auto_schema, stands_for)
    if kind is list:
        return build_array_type(_schema(args[0], auto_schema, stands_for))
    if kind is dict:
        return {"type": "object", "additionalProperties": _schema(args[1], auto_schema, stands_for)}
    if hint is Any:
        return {}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"type": "string", **_choices(hint)}
    return auto_schema.resolve_serializer(hint, "response").ref if is_serializer(hint) else resolve_type_hint(hint)


def _choices(kind: type[Enum] | list[tuple[str, str]]) -> Schema:
    """With the id by which drf-spectacular knows one enumeration in fields of models, here, and in ENUM_NAME_OVERRIDES."""
    if isinstance(kind, list):
        choices = kind
    else:
        choices = kind.choices if issubclass(kind, Choices) else [(one.value, one.name) for one in kind]
    return {"enum": [value for value, _ in choices], "x-spec-enum-id": list_hash(choices)}


def _union(args: tuple[Any, ...], auto_schema: Any, stands_for: dict[Any, Any]) -> Schema:
    kinds = [_schema(arg, auto_schema, stands_for) for arg in args if arg is not type(None)]
    one = kinds[0] if len(kinds) == 1 else {"oneOf": kinds}
    if type(None) not in args:
        return one
    enum = {"enum": [*one["enum"], None]} if "enum" in one else {}
    return append_meta(one, {"nullable": True, **enum})


def _annotated(hint: Any, beside: tuple[Any, ...], auto_schema: Any, stands_for: dict[Any, Any]) -> Schema:
    """`beside`: an enumeration or choices of a field, a type whose data it is, a text, or more of its schema."""
    told: Schema = {}
    for one in beside:
        if isinstance(one, str | dict):
            told |= one if isinstance(one, dict) else {"description": one}
        elif isinstance(one, list) or issubclass(one, Enum):
            told |= _choices(one)
        else:
            hint = one
    return append_meta(_schema(hint, auto_schema, stands_for), told)
