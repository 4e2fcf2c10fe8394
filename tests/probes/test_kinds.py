"""What every kind promises, from its first day."""

from __future__ import annotations

import inspect
import re
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from kpis.units import family
from probes.kinds import IncompleteKind, check, kind_choices, kinds
from probes.kinds.base import Kind

EVERY = sorted(kinds().items())


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_a_kind_is_whole(name: str, kind: Any) -> None:
    assert isinstance(kind, Kind)
    assert re.fullmatch(r"[a-z]{2,20}", name)
    assert inspect.iscoroutinefunction(kind.measure)
    assert list(inspect.signature(kind.measure).parameters) == ["target", "params", "tools"]
    assert kind.LABEL
    assert kind.DEFAULT_INTERVAL_S >= 5
    assert kind.METRICS
    assert all(family(unit) for unit in kind.METRICS.values())


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_parameters_have_defaults_titles_and_know_nothing_else(name: str, kind: Any) -> None:
    stored = msgspec.to_builtins(kind.Params())
    assert msgspec.convert(stored, kind.Params) == kind.Params()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**stored, "surplus": 1}, kind.Params)
    for field in msgspec.inspect.type_info(kind.Params).fields:
        assert isinstance(field.type, msgspec.inspect.Metadata) or field.type is not None


def test_the_choices_are_the_kinds() -> None:
    assert [name for name, _ in kind_choices()] == list(kinds())
    assert "http" in kinds()


@pytest.mark.parametrize("missing", ["LABEL", "METRICS", "DEFAULT_INTERVAL_S", "TIMED", "Params", "measure"])
def test_an_incomplete_kind_is_refused(missing: str) -> None:
    parts = {name: value for name, value in vars(kinds()["http"]).items() if name != missing and not name.startswith("_")}
    with pytest.raises(IncompleteKind, match=missing):
        check(cast("ModuleType", SimpleNamespace(__name__="half", **parts)))


def test_parameters_that_are_no_structure_are_refused() -> None:
    parts = {name: value for name, value in vars(kinds()["http"]).items() if not name.startswith("_")}
    with pytest.raises(IncompleteKind, match="Struct"):
        check(cast("ModuleType", SimpleNamespace(__name__="odd", **{**parts, "Params": dict})))
