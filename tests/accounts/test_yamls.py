"""What YAML of strangers is taken."""

from __future__ import annotations

import pytest

from accounts import yamls

BOMB = "a: &a [1, 1]\n" + "".join(f"{chr(n + 1)}: &{chr(n + 1)} [*{chr(n)}, *{chr(n)}]\n" for n in range(ord("a"), ord("y")))


def test_what_is_read_is_what_stands_there() -> None:
    assert yamls.loaded(b'{"a": [1, "x"]}') == yamls.loaded("a: [1, x]") == {"a": [1, "x"]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "line 2: aliases are not taken"),
        ("a: [", "it is not YAML: line 2"),
        (b"\xff\xfe\xff", "it is not YAML"),
        ("[" * 60 + "]" * 60, "The document is nested more than 50 deep."),
        ("[" * 5000, "it is not YAML"),
        ("!!python/object/apply:os.getcwd []", "line 1: tags are not taken"),
        ('a:\n- !!set {"x\\0": null}', "line 2: tags are not taken"),
        ("a: {1: 2}", "$.a: A name must be a text."),
        ('a: ["x\\0"]', "$.a[0]: The text holds a NUL"),
        ("x" * (yamls.MOST_BYTES + 1), "the file is longer than 5 MB"),
    ],
)
def test_what_is_not_taken_is_told_with_its_line(text: str | bytes, why: str) -> None:
    with pytest.raises(yamls.Unreadable) as unreadable:
        yamls.loaded(text)
    assert str(unreadable.value).startswith(why)
