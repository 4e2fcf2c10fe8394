"""JSON and YAML as the API takes them: no deeper than anybody means it, and with no text that a database cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError

from accounts import yamls
from accounts.problems import Problem, invalid
from accounts.texts import TOO_DEEP, TooDeep, faults

MOST_TOLD = 100
"""Faults that one answer tells."""

ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class JSONParser(parsers.JSONParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The document. Raises ParseError, or a problem with the places of texts that hold what is no character."""
        try:
            return checked(super().parse(stream, media_type, parser_context))
        except RecursionError as error:
            raise ParseError(TOO_DEEP) from error


class YamlParser(parsers.BaseParser):
    """A file as it is exported."""

    media_type = "application/yaml"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The document. Raises Problem."""
        try:
            return yamls.loaded(stream.read(yamls.MOST_BYTES + 1))
        except yamls.Unreadable as error:
            raise Problem(400, "malformed", "This cannot be read", str(error)) from None


def checked(document: Any) -> Any:
    """The same document, which was read from JSON. Raises as `JSONParser.parse` does."""
    try:
        found = list(islice(faults(document), MOST_TOLD))
    except TooDeep as error:
        raise ParseError(TOO_DEEP) from error
    if found:
        raise invalid([{"path": path, "detail": detail} for path, detail in found])
    return document


def switches(asked: Mapping[str, str], *names: str) -> dict[str, bool]:
    """Which options of an address are on. Whoever mistypes a dry run must not get a real one: what cannot be read is refused."""
    wrong = [
        {"path": f"?{name}", "detail": f"There is no such option: {', '.join(names)}."} for name in asked if name not in names
    ]
    wrong += [
        {"path": f"?{name}", "detail": "Write 1 or 0."} for name in names if asked.get(name, "0").lower() not in (*ON, *OFF)
    ]
    if wrong:
        raise invalid(wrong[:MOST_TOLD])
    return {name: asked.get(name, "0").lower() in ON for name in names}
