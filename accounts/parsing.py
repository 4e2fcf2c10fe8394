"""JSON as the API takes it: no deeper than anybody means it, and with no text that a database cannot hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError

from accounts.problems import invalid

DEEPEST = 50
MOST_TOLD = 100
"""Faults that one answer tells."""

HALVED = "The text holds half of a surrogate pair."


class JSONParser(parsers.JSONParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The document. Raises ParseError, or a problem with the places of texts that hold what is no character."""
        try:
            found = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise _too_deep() from error
        if wrong := list(islice(_wrong(found), MOST_TOLD)):
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
                parts = [(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
            else:
                parts = [(key, path, depth + 1) for key in value]
                parts += [(item, f"{path}.{key}", depth + 1) for key, item in value.items()]
            left += reversed(parts)  # the first one is looked at first


def fault(text: str) -> str:
    """Why a text cannot be kept; nothing where it can."""
    if "\0" in text:
        return "The text holds a NUL, which no database keeps."
    return HALVED if is_halved(text) else ""


def is_halved(text: str) -> bool:
    """Whether it holds half of a surrogate pair, which JSON can write and UTF-8 cannot."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)
