"""Parameters that several kinds have."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Paths = list[Annotated[str, Meta(pattern=r"^/[^\s#]*$", max_length=300)]]
"""Paths below a service's base address, asked in turn."""
