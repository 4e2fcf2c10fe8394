from typing import Any

from rest_framework import pagination


class CursorPagination(pagination.CursorPagination):
    """Pages by cursor: `?limit=` up to 200, `next` and `previous` in the answer. The order must be unique."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering: Any = "-pk"
