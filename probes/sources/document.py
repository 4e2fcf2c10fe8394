"""Figures in a JSON document, by a JSON path (RFC 9535)."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError

from probes.kinds.base import Outcome
from probes.sources.base import Unread
from probes.sources.written import NoFigure, figure

MOST_CHARACTERS, MOST_MATCHES = 1_000_000, 1_000


class BadPath(ValueError):
    """A path that cannot be read, or could take too long."""


def _environment() -> JSONPathEnvironment:
    """Without the functions that run regular expressions over what a stranger sent."""
    made = JSONPathEnvironment(strict=True)
    for name in ("match", "search"):
        made.function_extensions.pop(name, None)
    return made


ENVIRONMENT = _environment()


@lru_cache(maxsize=1_000)
def compiled(path: str) -> JSONPath:
    """Raises BadPath. One descent and one filter at most: more of them multiply with each other."""
    if path.count("..") > 1 or path.count("?") > 1:
        raise BadPath("a path has one descent (..) and one filter (?) at most")
    try:
        found = ENVIRONMENT.compile(path)
    except JSONPathError as error:
        raise BadPath(f"the path cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(found, JSONPath):
        raise BadPath("one path, not several")
    return found


def figures(text: str, path: str, unit: str) -> list[float]:
    """The figures that the path finds, in `unit`; null is no figure. Raises Unread."""
    if len(text) > MOST_CHARACTERS:
        raise Unread(f"the document is longer than {MOST_CHARACTERS // 1_000_000} MB", reason="too long")
    try:
        document: Any = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise Unread("the answer is no JSON", reason="no JSON") from None
    try:
        matches = [match.obj for match in islice(compiled(path).finditer(document), MOST_MATCHES + 1)]
        found = [figure(one, unit) for one in matches if one is not None]
    except NoFigure:  # whose text quotes what was found, and what a service answers is not shown
        raise Unread(f"what the path finds is no figure in {unit}", reason="no figure") from None
    except (JSONPathError, RecursionError):
        raise Unread("the path cannot be followed in this document", reason="no figure") from None
    if not matches:
        raise Unread("the path finds nothing in the document", outcome=Outcome.OK, reason="nothing was found")
    if len(matches) > MOST_MATCHES:
        raise Unread(f"the path finds more than {MOST_MATCHES:,} places", reason="too many")
    return found
