"""`services.yaml`: services with their probes and feeds as a file, in the shapes of the API. Secrets go in, never out.

What is left out of a file stays as it is; see docs/services-format.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import msgspec
import yaml
from msgspec import UNSET, UnsetType

from accounts import expected, yamls

FORMAT = "milepost-services/1"
MOST_TOLD = 100
"""Faults that one answer tells."""

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Malformed(ValueError):
    """A file that cannot be understood; `errors` are (path, what is wrong), of which `path` and the text are the first."""

    def __init__(self, text: str, path: str = "$", more: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(text)
        self.path = path
        self.errors = [(path, text), *more]


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
    try:
        return parse(yamls.loaded(text))
    except yamls.Unreadable as error:
        raise Malformed(str(error)) from None


def parse(data: object) -> Manifest:
    """Raises Malformed with the paths of the bad fields, the first `MOST_TOLD` of them."""
    try:
        found = msgspec.convert(data, Manifest)
    except msgspec.ValidationError:
        (path, text), *more = islice(_faults(data, Manifest, "$"), MOST_TOLD)
        raise Malformed(text, path, more) from None
    seen: set[str] = set()
    for place, entry in enumerate(found.services):
        if entry.slug in seen:
            raise Malformed(f"{entry.slug} is there twice", f"$.services[{place}].slug")
        seen.add(entry.slug)
    return found


def _faults(data: object, kind: Any, path: str) -> Iterator[tuple[str, str]]:
    """Everything that is wrong with data which is no `kind`, as (path, what), field by field."""
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        text, place = expected.split(error)
        inner = list(islice(_inner(data, kind, path), MOST_TOLD))
        yield from inner or [(path + place.removeprefix("$"), text)]


def _inner(data: object, kind: Any, path: str) -> Iterator[tuple[str, str]]:
    for one in get_args(kind) if isinstance(kind, UnionType) else [kind]:
        if get_origin(one) is list and isinstance(data, list):
            for place, item in enumerate(data):
                yield from _faults(item, get_args(one)[0], f"{path}[{place}]")
        elif isinstance(one, type) and issubclass(one, Record) and isinstance(data, dict):
            known = {field.name: field for field in msgspec.structs.fields(one)}
            for name, field in known.items():
                if name in data:
                    yield from _faults(data[name], field.type, f"{path}.{name}")
                elif field.required:
                    yield path, f"The field {name} is missing."
            for name in data.keys() - known.keys():
                yield path, f"There is no field {name}."


def write(entries: Iterable[ServiceEntry]) -> str:
    """YAML that `read` gives back as the same services."""
    return yaml.dump(as_data(entries), Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=110)


def as_data(entries: Iterable[ServiceEntry]) -> dict[str, Any]:
    return {"format": FORMAT, "services": [msgspec.to_builtins(entry) for entry in entries]}
