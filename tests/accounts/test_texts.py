"""Texts of a document that cannot be kept, found with their places."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from accounts.texts import HALVED, NUL, TooDeep, faults


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("a\0", [("$", NUL)]),
        (["a", {"b": ["\ud800", 1, None, "ü"]}, "\0"], [("$[1].b[0]", HALVED), ("$[2]", NUL)]),
        ({"a\0": {"b": "\0"}, "c": "\0"}, [("$", NUL), ("$.a\0.b", NUL), ("$.c", NUL)]),
        ({"k" * 61: "\0"}, [("$." + "k" * 60 + "…", NUL)]),
        ([{}, [], "🙂", 7], []),
    ],
)
def test_a_fault_has_its_place(document: Any, found: list[tuple[str, str]]) -> None:
    assert list(faults(document)) == found


def nested(depth: int) -> list[Any]:
    document: list[Any] = []
    for _ in range(depth - 1):
        document = [document]
    return document


def test_a_document_has_a_depth_that_somebody_means() -> None:
    assert list(faults(nested(50))) == []
    with pytest.raises(TooDeep):
        list(faults(nested(51)))


@pytest.mark.parametrize("item", [1, "a", [], {}])
def test_a_long_document_is_walked_in_no_room_of_its_own(item: Any) -> None:
    document = [item] * 100_000
    tracemalloc.start()
    assert list(faults(document)) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000
