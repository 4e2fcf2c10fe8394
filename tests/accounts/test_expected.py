"""Real refusals of msgspec, as people read them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest

from accounts import expected

Path = Annotated[str, msgspec.Meta(pattern=r"^/(?#a path that begins with /)")]


class Row(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    paths: list[Path] = []


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ({"name": 1}, Row, ("Write text, not a whole number.", "$.name")),
        ({"name": "a", "paths": ["/", "b"]}, Row, ("Write a path that begins with /.", "$.paths[1]")),
        ({}, Row, ("The field name is missing.", "$")),
        ({"name": "a", "colour": 1}, Row, ("There is no field colour.", "$")),
        ([], Row, ("Write an object of fields, not a list.", "$")),
        (1.5, int | None, ("Write a whole number or nothing, not one with a point.", "$")),
        ([], str | None, ("Write text or nothing, not a list.", "$")),
        (0, Annotated[int, msgspec.Meta(ge=1)], ("Write a whole number, at least 1.", "$")),
        (3.0, Annotated[float, msgspec.Meta(lt=2)], ("Write a number, less than 2.", "$")),
        ("ab", Annotated[str, msgspec.Meta(max_length=1)], ("Write at most 1 letter.", "$")),
        ([], Annotated[list[int], msgspec.Meta(min_length=2)], ("Write at least 2 entries.", "$")),
        ("c", Literal["a", "b"], ("'c' is none of the words that are known here.", "$")),
        ("soon", date, ("Write a day such as 2026-03-01.", "$")),
        ("soon", datetime, ("Write a time such as 2026-03-01T12:00:00Z.", "$")),
    ],
)
def test_a_refusal_in_words(value: Any, kind: Any, words: tuple[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(value, kind)
    assert expected.split(refused.value) == words


def test_what_is_said_in_words_already_stays() -> None:
    assert expected.in_words("the statement is empty") == "the statement is empty"
