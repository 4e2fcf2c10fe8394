"""Which routes of an OpenAPI document can be measured as they stand: GET, without anything to fill in. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MOST_ROUTES = 200
PATH = re.compile(r"/[^\s#?{}]{0,250}")
HEALTH = re.compile(
    r"(^|[/_-])(health|healthz|healthcheck|livez?|liveness|liveliness|ready|readyz?|readiness|ping)([/_-]|$)", re.I
)
OTHER = re.compile(r"(^|/)(metrics|docs|redoc|openapi\.json|swagger)(/|$)", re.I)
ACTS = re.compile(
    r"log-?out|sign-?out|delet|remov|shut|reset|drop|restart|purge|flush|callback|download|export|stream|events|login", re.I
)


class NotOpenApi(ValueError):
    """A text that describes no interface."""


@dataclass(frozen=True)
class Route:
    """`path` is relative to the base address; `safe` is false where its name says that asking it does something."""

    path: str
    summary: str
    is_health: bool
    safe: bool


@dataclass(frozen=True)
class Interface:
    """`others` counts the operations that were left out: other methods, and routes with something to fill in."""

    title: str
    routes: list[Route]
    others: int


def read(text: str, *, base_path: str = "") -> Interface:
    """Read an OpenAPI (or Swagger 2) document in JSON. `base_path` is the path of the service's base address.

    Raises NotOpenApi.
    """
    try:
        document = json.loads(text)
        paths = document["paths"]
        if not isinstance(paths, dict) or not ("openapi" in document or "swagger" in document):
            raise NotOpenApi("it describes no paths")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotOpenApi("it is no OpenAPI document in JSON") from error
    prefix = _prefix(document)
    found = list(_routes(document, paths, prefix, base_path.rstrip("/")))
    operations = sum(len(item) for item in paths.values() if isinstance(item, dict))
    info = document.get("info")
    title = info.get("title") if isinstance(info, dict) else ""
    return Interface(_shown(title)[:120], found[:MOST_ROUTES], max(0, operations - len(found)))


def _prefix(document: Mapping[str, Any]) -> str:
    """The path that the document says stands before its own."""
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers else {}
    stated = first.get("url", "") if isinstance(first, dict) else ""
    if not isinstance(stated, str) or "{" in stated:
        return ""
    try:
        return (urlsplit(stated).path or str(document.get("basePath") or "")).rstrip("/")
    except ValueError:
        return ""


def _routes(document: Mapping[str, Any], paths: Mapping[str, Any], prefix: str, base_path: str) -> Iterator[Route]:
    for path, item in paths.items():
        if not isinstance(item, dict) or not isinstance(item.get("get"), dict):
            continue
        get = item["get"]
        whole = prefix + path
        if base_path and whole.startswith(f"{base_path}/"):
            whole = whole.removeprefix(base_path)
        if (
            not (PATH.fullmatch(whole) and whole.isprintable())
            or OTHER.search(whole)
            or _asks(document, item, get)
            or _streams(get)
        ):
            continue
        summary = _shown(get.get("summary") or get.get("operationId"))[:80]
        yield Route(whole, summary, bool(HEALTH.search(whole)), not ACTS.search(whole))


def _shown(text: Any) -> str:
    """Without signs that no page shows and no database keeps, such as NUL or half of a pair."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in str(text or ""))


def _asks(document: Mapping[str, Any], item: Mapping[str, Any], get: Mapping[str, Any]) -> bool:
    """Whether something must be filled in before the route can be asked."""
    stated = [*_list(item.get("parameters")), *_list(get.get("parameters"))]
    return any(_resolved(document, one).get("required") for one in stated) or "requestBody" in get


def _resolved(document: Mapping[str, Any], parameter: Any) -> Mapping[str, Any]:
    """A parameter, or the one that it points at; one that points nowhere counts as required."""
    if not isinstance(parameter, dict):
        return {"required": True}
    if "$ref" not in parameter:
        return parameter
    found: Any = document
    for part in str(parameter["$ref"]).removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {"required": True}


def _streams(get: Mapping[str, Any]) -> bool:
    answers = get.get("responses")
    return isinstance(answers, dict) and "text/event-stream" in json.dumps(list(answers.values()), default=str)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
