"""What the lists that a plan keeps as JSON hold: as its file does, so that it can always be exported."""

from __future__ import annotations

from typing import Any

import msgspec
from django.core.exceptions import ValidationError

from accounts import expected
from roadmap.records import Parameter


def parameters(value: Any) -> None:
    """What a task changes."""
    _check(value, list[Parameter], 'Write a list such as [{"name": "pool_size", "from": 10, "to": 25}]')


def steps(value: Any) -> None:
    """What comes next, in words."""
    _check(value, list[str], 'Write a list such as ["Review the plan"]')


def _check(value: Any, shape: Any, example: str) -> None:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        detail, path = expected.split(error)
        raise ValidationError(f"{example}. At {path}: {detail}") from error
