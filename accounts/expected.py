"""What msgspec says of a value that does not fit, in words for people who know no types."""

from __future__ import annotations

import re

TYPES = {
    "str": "text", "int": "a whole number", "float": "a number", "decimal": "a decimal number", "bool": "true or false",
    "array": "a list", "object": "an object of fields", "null": "nothing", "date": "a day such as 2026-03-01",
    "datetime": "a time such as 2026-03-01T12:00:00Z",
}  # fmt: skip
SIZES = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
OTHERS = {
    "Invalid RFC3339 encoded date": "Write a day such as 2026-03-01.",
    "Invalid RFC3339 encoded datetime": "Write a time such as 2026-03-01T12:00:00Z.",
    "Expected `datetime` with a timezone component": "Write a time with its offset, such as 2026-03-01T12:00:00Z.",
    "Invalid decimal string": "Write a decimal number such as 24000 or 0.08.",
}


def split(error: Exception) -> tuple[str, str]:
    """What is expected, and the path of the value that is not (`$` for the whole)."""
    detail, _, path = str(error).partition(" - at `")
    return in_words(detail), path.rstrip("`") or "$"


def in_words(detail: str) -> str:
    """A message without its path; one that is ours already stays. A pattern says what it wants in a comment, `(?#…)`."""
    if found := re.fullmatch(r"Expected `([^`]+)`, got `([^`]+)`", detail):
        fraction = found[2] == "float" and "int" in found[1].split(" | ")
        return f"Write {_types(found[1])}, not {'one with a point' if fraction else _types(found[2])}."
    if found := re.fullmatch(r"Expected `(str|array)` of length (>=|<=|>|<)? ?(\d+)", detail):
        one, many = ("letter", "letters") if found[1] == "str" else ("entry", "entries")
        return f"Write {SIZES.get(found[2], 'exactly')} {found[3]} {one if found[3] == '1' else many}."
    if found := re.fullmatch(r"Expected `(int|float)` (>=|<=|>|<) (\S+)", detail):
        return f"Write {TYPES[found[1]]}, {SIZES[found[2]]} {found[3].removesuffix('.0')}."
    if "matching regex" in detail and (found := re.search(r"\(\?#([^)]*)\)", detail)):
        return f"Write {found[1]}."
    if found := re.fullmatch(r"Object missing required field `([^`]+)`", detail):
        return f"The field {found[1]} is missing."
    if found := re.fullmatch(r"Object contains unknown field `([^`]+)`", detail):
        return f"There is no field {found[1]}."
    if found := re.fullmatch(r"Invalid enum value (.+)", detail, re.DOTALL):
        return f"{found[1]} is none of the words that are known here."
    return OTHERS.get(detail, detail)


def _types(names: str) -> str:
    return " or ".join(TYPES.get(name, name) for name in names.split(" | "))
