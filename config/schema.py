"""How the API describes itself."""

from __future__ import annotations

import re

from drf_spectacular.openapi import AutoSchema


class Schema(AutoSchema):
    """Names every operation after its view and what its address asks for: stable, and unique where a view stands twice.

    `kpis_kpi_list_get`, `roadmap_impact_list_get`, `roadmap_impact_list_get_by_slug`.
    """

    def get_operation_id(self) -> str:
        view = type(self.view)
        asked = re.findall(r"{(\w+)}", self.path)
        parts = [view.__module__.split(".")[0], view.__name__, self.method.lower(), *(["by", *asked] if asked else [])]
        return "_".join(parts)
