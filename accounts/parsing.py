"""JSON as the API takes it: no deeper than anybody means it, and with no text that a database cannot hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError

from accounts.problems import invalid

DEEPEST = 50


class JSONParser(parsers.JSONParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The document. Raises ParseError, or a problem with the places of texts that hold what is no character."""
        try:
            found = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise _too_deep() from error
        if wrong := list(_wrong(found)):
            raise invalid(wrong)
        return found


def _too_deep() -> ParseError:
    return ParseError(f"The document is nested more than {DEEPEST} deep.")


def _wrong(document: Any) -> Iterator[dict[str, str]]:
    left: list[tuple[Any, str, int]] = [(document, "$", 0)]
    while left:
        value, path, depth = left.pop()
        if isinstance(value, str):
            if detail := fault(value):
                yield {"path": path, "detail": detail}
        elif isinstance(value, dict | list):
            if depth == DEEPEST:
                raise _too_deep()
            if isinstance(value, list):
                left += [(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
            else:
                left += [(key, path, depth + 1) for key in value]
                left += [(item, f"{path}.{key}", depth + 1) for key, item in value.items()]


def fault(text: str) -> str:
    """Why a text cannot be kept; nothing where it can."""
    if "\0" in text:
        return "The text holds a NUL, which no database keeps."
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "The text holds half of a surrogate pair."
    return ""
