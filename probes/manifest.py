"""`services.yaml`: services with their probes and feeds as a file, in the shapes of the API. Secrets go in, never out.

What is left out of a file stays as it is; see docs/services-format.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import yaml
from msgspec import UNSET, UnsetType

from accounts import expected

FORMAT = "milepost-services/1"
MOST_BYTES = 5_000_000
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Malformed(ValueError):
    """A file that cannot be understood; `path` says where."""

    def __init__(self, text: str, path: str = "$") -> None:
        super().__init__(text)
        self.path = path


class Record(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Unknown fields are refused, so that a misspelt one is not silently lost."""


class FeedEntry(Record):
    metric: str
    kpi: str


class ProbeEntry(Record):
    kind: str
    interval_s: int | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    feeds: list[FeedEntry] | UnsetType = UNSET


class ServiceEntry(Record):
    slug: str
    name: str | UnsetType = UNSET
    base_url: str | UnsetType = UNSET
    environment: str | UnsetType = UNSET
    owner: str | UnsetType | None = UNSET
    tags: list[str] | UnsetType = UNSET
    metrics_url: str | UnsetType = UNSET
    health_path: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    database_dsn: str | UnsetType = UNSET
    redis_url: str | UnsetType = UNSET
    probes: list[ProbeEntry] | UnsetType = UNSET


class Manifest(Record):
    format: Literal["milepost-services/1"]
    services: list[ServiceEntry]


def read(text: str | bytes) -> Manifest:
    """Parse YAML (of which JSON is a part). Raises Malformed."""
    if len(text) > MOST_BYTES:
        raise Malformed(f"the file is longer than {MOST_BYTES // 1_000_000} MB")
    try:
        for token in yaml.scan(text, Loader=LOADER):
            if isinstance(token, yaml.AliasToken):  # a few of them can unfold without end
                raise Malformed(f"line {token.start_mark.line + 1}: aliases are not taken")
        data = yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader, in C where there is one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, Malformed):
            raise
        mark = getattr(error, "problem_mark", None)
        raise Malformed(f"it is not YAML{f': line {mark.line + 1}' if mark else ''}") from None
    return parse(data)


def parse(data: object) -> Manifest:
    """Raises Malformed with the path of the bad field."""
    try:
        found = msgspec.convert(data, Manifest)
    except msgspec.ValidationError as error:
        raise Malformed(*expected.split(error)) from None
    seen: set[str] = set()
    for place, entry in enumerate(found.services):
        if entry.slug in seen:
            raise Malformed(f"{entry.slug} is there twice", f"$.services[{place}].slug")
        seen.add(entry.slug)
    return found


def write(entries: Iterable[ServiceEntry]) -> str:
    """YAML that `read` gives back as the same services."""
    return yaml.dump(as_data(entries), Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=110)


def as_data(entries: Iterable[ServiceEntry]) -> dict[str, Any]:
    return {"format": FORMAT, "services": [msgspec.to_builtins(entry) for entry in entries]}
