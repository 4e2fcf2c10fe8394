"""YAML of strangers: a safe loader, no longer than anybody means it, and without what unfolds."""

from __future__ import annotations

import yaml

from accounts import texts

MOST_BYTES = 5_000_000
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(ValueError):
    """It is no YAML that is taken; the text says why."""


def loaded(text: str | bytes) -> object:
    """What YAML (of which JSON is a part) holds. Raises Unreadable."""
    if len(text) > MOST_BYTES:
        raise Unreadable(f"the file is longer than {MOST_BYTES // 1_000_000} MB")
    try:
        for token in yaml.scan(text, Loader=LOADER):
            if isinstance(token, yaml.AliasToken):  # a few of them can unfold without end
                raise Unreadable(f"line {token.start_mark.line + 1}: aliases are not taken")
            if isinstance(token, yaml.TagToken):  # it could make what is no text, list or object of others
                raise Unreadable(f"line {token.start_mark.line + 1}: tags are not taken")
        found = yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader, in C where there is one
        if (wrong := next(texts.faults(found), None)) is not None:
            raise Unreadable(": ".join(wrong))
        return found
    except texts.TooDeep as error:
        raise Unreadable(str(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, Unreadable):
            raise
        mark = getattr(error, "problem_mark", None)
        raise Unreadable(f"it is not YAML{f': line {mark.line + 1}' if mark else ''}") from None
