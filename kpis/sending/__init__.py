"""Kinds of channels: one module each, found by this package, refused at import when incomplete."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from kpis.sending.base import BadConfig, ChannelKind, Envelope, Undelivered

__all__ = ["KINDS", "BadConfig", "ChannelKind", "Envelope", "Undelivered", "check", "kind_choices"]


def check(name: str, module: object) -> ChannelKind:
    """The module as a kind of channel. Raises TypeError naming everything that is missing."""
    missing = [part for part in ("check", "send") if not callable(getattr(module, part, None))]
    if not isinstance(getattr(module, "LABEL", None), str):
        missing.append("LABEL")
    if missing:
        raise TypeError(f"kpis.sending.{name} is not a kind of channel: {', '.join(sorted(missing))} missing")
    return cast(ChannelKind, module)


KINDS: dict[str, ChannelKind] = {
    info.name: check(info.name, importlib.import_module(f"{__name__}.{info.name}"))
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name)
    if info.name != "base"
}


def kind_choices() -> list[tuple[str, str]]:
    return [(name, module.LABEL) for name, module in KINDS.items()]
