"""Answers as CSV, where the caller asks for it by `?format=csv` or `Accept: text/csv`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer

from accounts import spreadsheets
from kpis.course_table import table
from kpis.history import History


class CourseRenderer(BaseRenderer):
    """A course as a table; what went wrong stays a problem document."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if not isinstance(data, History):
            return bytes(JSONRenderer().render(data))
        return "".join(spreadsheets.lines(table(data.points, data.unit))).encode()
