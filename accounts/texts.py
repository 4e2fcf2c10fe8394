"""Texts of a document that cannot be kept, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

DEEPEST = 50
"""Lists and objects in each other, beyond what anybody means."""

LONGEST_NAME = 60
LONGEST_PATH = 300
"""Letters that are told of a place: an answer must not grow with what was sent."""

NO_TEXT = "A name must be a text."
NUL = "The text holds a NUL, which no database keeps."
HALVED = "The text holds half of a surrogate pair."
TOO_DEEP = f"The document is nested more than {DEEPEST} deep."


class TooDeep(ValueError):
    """Says `TOO_DEEP`."""


def fault(text: str) -> str:
    """Why a text cannot be kept; nothing where it can."""
    if "\0" in text:
        return NUL
    # JSON can write half of a surrogate pair, and UTF-8 cannot
    return HALVED if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text) else ""


def _fault_of_name(name: object) -> str:
    return fault(name) if isinstance(name, str) else NO_TEXT  # YAML names by numbers and days as well


def faults(document: Any, root: str = "$") -> Iterator[tuple[str, str]]:
    """The place and the fault of each text, in their order. A name's place is that of its object. Raises TooDeep.

    What is kept of the walk is one iterator a level, so that it costs no memory beside the document.
    """
    trail: list[str | int] = [""]
    levels: list[Iterator[tuple[str | int, Any]]] = [iter([("", document)])]
    while levels:
        for name, value in levels[-1]:
            if isinstance(value, str):
                if detail := fault(value):
                    trail[-1] = name
                    yield _path(root, trail), detail
            elif isinstance(value, dict | list):
                if len(levels) > DEEPEST:
                    raise TooDeep(TOO_DEEP)
                trail[-1] = name
                if isinstance(value, dict):
                    yield from ((_path(root, trail), detail) for key in value if (detail := _fault_of_name(key)))
                    levels.append(iter(value.items()))
                else:
                    levels.append(enumerate(value))
                trail.append("")
                break
        else:
            levels.pop()
            trail.pop()


def _path(root: str, trail: Iterable[str | int]) -> str:
    """The trail, without what stands for the whole document, as letters that every answer can hold."""
    names = list(trail)[1:]
    steps = (f"[{name}]" if isinstance(name, int) else f".{cut(name, LONGEST_NAME)}" for name in names)
    return cut(root + "".join(steps), LONGEST_PATH).encode("utf-8", "replace").decode()


def cut(text: str, longest: int) -> str:
    """What was sent, at most so much of it: an answer stays short whatever came."""
    return text if len(text) <= longest else text[:longest] + "…"
