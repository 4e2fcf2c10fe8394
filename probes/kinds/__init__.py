"""Probe kinds: one module each, found here, refused loudly when incomplete."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from types import ModuleType

import msgspec

from probes.kinds import base

REQUIRED = ("LABEL", "METRICS", "DEFAULT_INTERVAL_S", "TIMED", "Params", "measure")
NO_KINDS = ("base", "params")


class IncompleteKind(ImportError):
    """A module in this package that is not a whole probe kind."""


@functools.cache
def kinds() -> dict[str, ModuleType]:
    """Every kind by its name. Raises IncompleteKind for a module that lacks a part."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name not in NO_KINDS:
            module = importlib.import_module(f"{__name__}.{info.name}")
            check(module)
            found[info.name] = module
    return found


def check(module: ModuleType) -> None:
    missing = [name for name in REQUIRED if not hasattr(module, name)]
    if missing:
        raise IncompleteKind(f"{module.__name__} lacks {', '.join(missing)}")
    if not issubclass(module.Params, msgspec.Struct):
        raise IncompleteKind(f"{module.__name__}.Params is not a msgspec.Struct")


def kind_choices() -> list[tuple[str, str]]:
    return [(name, module.LABEL) for name, module in kinds().items()]


__all__ = ["IncompleteKind", "base", "check", "kind_choices", "kinds"]
