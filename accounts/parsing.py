"""JSON as the API takes it: no deeper than anybody means it, and with no text that a database cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError

from accounts.problems import invalid
from accounts.texts import TOO_DEEP, TooDeep, faults

MOST_TOLD = 100
"""Faults that one answer tells."""


class JSONParser(parsers.JSONParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The document. Raises ParseError, or a problem with the places of texts that hold what is no character."""
        try:
            return checked(super().parse(stream, media_type, parser_context))
        except RecursionError as error:
            raise ParseError(TOO_DEEP) from error


def checked(document: Any) -> Any:
    """The same document, which was read from JSON. Raises as `JSONParser.parse` does."""
    try:
        found = list(islice(faults(document), MOST_TOLD))
    except TooDeep as error:
        raise ParseError(TOO_DEEP) from error
    if found:
        raise invalid([{"path": path, "detail": detail} for path, detail in found])
    return document
