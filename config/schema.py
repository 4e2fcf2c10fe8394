"""How the API describes itself."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema

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
    """Names every operation after its view and what its address asks for: stable, and unique where a view stands twice.

    `kpis_kpi_list_get`, `roadmap_impact_list_get`, `roadmap_impact_list_get_by_slug`.
    """

    def get_operation_id(self) -> str:
        view = type(self.view)
        asked = re.findall(r"{(\w+)}", self.path)
        parts = [view.__module__.split(".")[0], view.__name__, self.method.lower(), *(["by", *asked] if asked else [])]
        return "_".join(parts)
