"""How the API describes itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, is_dataclass
from enum import Enum
from itertools import chain
from types import UnionType
from typing import Annotated, Any, NotRequired, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
from django.db.models import Choices
from drf_spectacular import plumbing
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema

from accounts.answers import BESIDE

PROBLEM = {
    "description": "A problem document (RFC 9457); where something that was sent is not valid, its places, at most 100.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
PROBLEM_SHAPE = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "urn:milepost:problem:…; each kind keeps its name."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "scope": {"type": "string", "description": "The scope that is missing."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "detail"],
                "properties": {
                    "path": {"type": "string"},
                    "detail": {"type": "string"},
                    "candidates": {"type": "array", "items": {"type": "string"}, "description": "Of a name that means several."},
                },
            },
        },
    },
}


def tell_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say of every operation how it refuses."""
    result["components"]["schemas"]["Problem"] = PROBLEM_SHAPE
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = PROBLEM
    return result


class Schema(AutoSchema):
    def get_operation_id(self) -> str:
        """After the view and what its address asks for: stable, and unique where a view stands twice.

        `kpis_kpi_list_get`, `roadmap_impact_list_get`, `roadmap_impact_list_get_by_slug`.
        """
        view = type(self.view)
        asked = re.findall(r"{(\w+)}", self.path)
        parts = [view.__module__.split(".")[0], view.__name__, self.method.lower(), *(["by", *asked] if asked else [])]
        return "_".join(parts)

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """`ProposalIn` is only ever sent: `ProposalRequest`."""
        return str(super().get_serializer_name(serializer, direction)).removesuffix("In")

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """An answer has all its fields, those too that need not be sent."""
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)
        if direction == "response" and "properties" in schema:
            schema["required"] = sorted(schema["properties"])
        return schema


class AnswerExtension(OpenApiSerializerExtension):
    """The types of `accounts.answers` as named components."""

    @classmethod
    def _matches(cls, target: Any) -> bool:
        kind = get_origin(target) or target
        return is_typeddict(kind) or (isinstance(kind, type) and is_dataclass(kind))

    def get_name(self, auto_schema: Any, direction: str) -> str:
        rows = (auto_schema._get_serializer_name(plumbing.force_instance(row), direction) for row in get_args(self.target))
        return "".join(rows) + (get_origin(self.target) or self.target).__name__.removesuffix("Out")

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        kind = get_origin(self.target) or self.target
        types = Types(auto_schema, dict(zip(getattr(kind, "__parameters__", ()), get_args(self.target), strict=False)))
        hints = get_type_hints(kind, include_extras=True)
        fields = {name: types.of(hint) for name, hint in hints.items()}
        required = [name for name, hint in hints.items() if get_origin(hint) is not NotRequired]
        if hasattr(kind, BESIDE):
            shown = auto_schema._map_serializer(getattr(kind, BESIDE), direction)
            fields, required = shown["properties"] | fields, shown["required"] + required
        return plumbing.build_object_type(properties=fields, required=required, description=kind.__doc__ or "")


class RecordExtension(OpenApiSerializerExtension):
    """msgspec's records, which are files that go in and out: `roadmap.document.Document` is `RoadmapDocument`."""

    target_class = msgspec.Struct
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: str) -> str:
        return self._app() + str(self.target.__name__)

    def get_identity(self, auto_schema: Any, direction: str) -> str:
        return self.get_name(auto_schema, direction)

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        template = f"#/components/schemas/{self._app()}{{name}}"
        _, parts = msgspec.json.schema_components([self.target], ref_template=template)
        for field in chain.from_iterable(part["properties"].values() for part in parts.values()):
            if "enum" in field:  # one level down drf-spectacular does not give it a name beside that of the same choices
                field["anyOf"] = [{"enum": field.pop("enum")}]
        found: dict[str, Any] = parts.pop(self.target.__name__)
        for name, part in parts.items():
            named = self._app() + name
            component = plumbing.ResolvedComponent(named, plumbing.ResolvedComponent.SCHEMA, part, named)
            auto_schema.registry.register_on_missing(component)
        return found

    def _app(self) -> str:
        return str(self.target.__module__.partition(".")[0].capitalize())


@dataclass(frozen=True)
class Types:
    """The schemas of type hints; `stands_for` says what the type variables of the whole are."""

    auto_schema: Any
    stands_for: dict[Any, Any]

    def of(self, hint: Any) -> dict[str, Any]:
        kind, args = get_origin(hint), get_args(hint)
        if kind in (Union, UnionType):
            return self._union(args)
        if kind is Annotated:
            return self._annotated(args[0], hint.__metadata__)
        if kind is NotRequired:
            return self.of(args[0])
        if kind is list:
            return plumbing.build_array_type(self.of(args[0]))
        if kind is dict:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        return self._plain(hint)

    def _plain(self, hint: Any) -> dict[str, Any]:
        if hint is Any:
            return {}
        if isinstance(hint, TypeVar):
            return self.of(self.stands_for[hint])
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"type": "string", **choices(hint)}
        if plumbing.is_serializer(hint):
            return self.auto_schema.resolve_serializer(hint, "response").ref
        return plumbing.resolve_type_hint(hint)

    def _union(self, args: tuple[Any, ...]) -> dict[str, Any]:
        kinds = [self.of(arg) for arg in args if arg is not type(None)]
        one = kinds[0] if len(kinds) == 1 else {"oneOf": kinds}
        if type(None) not in args:
            return one
        enum = {"enum": [*one["enum"], None]} if "enum" in one else {}
        return plumbing.append_meta(one, {"nullable": True, **enum})

    def _annotated(self, hint: Any, told: tuple[Any, ...]) -> dict[str, Any]:
        more: dict[str, Any] = {}
        for one in told:
            if isinstance(one, str | dict):
                more |= one if isinstance(one, dict) else {"description": one}
            elif isinstance(one, list) or issubclass(one, Enum):
                more |= choices(one)
            else:
                hint = one
        return plumbing.append_meta(self.of(hint), more)


def choices(kind: type[Enum] | list[tuple[str, str]]) -> dict[str, Any]:
    """With the id by which drf-spectacular knows one enumeration in fields of models, here, and in ENUM_NAME_OVERRIDES."""
    if isinstance(kind, list):
        pairs = kind
    else:
        pairs = kind.choices if issubclass(kind, Choices) else [(one.value, one.name) for one in kind]
    return {"enum": [value for value, _ in pairs], "x-spec-enum-id": plumbing.list_hash(pairs)}
