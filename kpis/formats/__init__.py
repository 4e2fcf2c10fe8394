"""Result formats: one module each, found by this package, refused at import when incomplete."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import cast

from kpis.formats.base import Format, Parsed, ParsedSample, Unreadable

__all__ = ["FORMATS", "Parsed", "ParsedSample", "UnknownFormat", "Unreadable", "check", "decode", "parse", "recognise"]


class UnknownFormat(ValueError):
    """No format recognises the payload, or the one asked for does not exist."""


def check(name: str, module: object) -> Format:
    """The module as a format. Raises TypeError naming everything that is missing."""
    missing = [part for part in ("sniff", "parse") if not callable(getattr(module, part, None))]
    if not isinstance(getattr(module, "LABEL", None), str):
        missing.append("LABEL")
    if missing:
        raise TypeError(f"kpis.formats.{name} is not a result format: {', '.join(sorted(missing))} missing")
    return cast(Format, module)


def _found() -> dict[str, Format]:
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name != "base")
    return {name.replace("_", "-"): check(name, importlib.import_module(f"{__name__}.{name}")) for name in names}


FORMATS: dict[str, Format] = _found()


def decode(payload: bytes) -> object:
    """The value where the payload is JSON, otherwise the bytes themselves."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload


def recognise(payload: object) -> str:
    """The name of the one format that knows the payload. Raises UnknownFormat."""
    names = [name for name, module in FORMATS.items() if module.sniff(payload)]
    if len(names) != 1:
        raise UnknownFormat(f"The format is not recognised; say format= one of {', '.join(FORMATS)}.")
    return names[0]


def parse(payload: object, name: str = "auto") -> tuple[str, Parsed]:
    """The format's name and what the payload says. Raises UnknownFormat or Unreadable."""
    name = recognise(payload) if name in ("", "auto") else name
    if name not in FORMATS:
        raise UnknownFormat(f"There is no format {name!r}; use auto or one of {', '.join(FORMATS)}.")
    return name, FORMATS[name].parse(payload)
