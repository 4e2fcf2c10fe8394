"""How the API describes itself."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema

PROBLEM = {
    "description": "What went wrong (RFC 9457): a problem document, with the place of everything that is wrong.",
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
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "detail"],
                "properties": {"path": {"type": "string"}, "detail": {"type": "string"}},
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
