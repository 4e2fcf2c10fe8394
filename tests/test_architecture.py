"""The direction of imports between applications, and the purity of what must be pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"accounts", "config", "demo", "kpis", "outgoing", "probes", "roadmap"}
MAY_IMPORT = {
    "outgoing": set(),
    "accounts": set(),
    "kpis": {"accounts", "outgoing"},
    "probes": {"accounts", "kpis", "outgoing"},
    "roadmap": {"accounts", "kpis"},
    "config": OURS - {"demo"},
    "demo": {"probes"},
}
PURE = [
    "kpis/alerting.py", "kpis/recurrence.py", "kpis/burning.py",
    "accounts/days.py", "accounts/differences.py", "accounts/expected.py", "accounts/texts.py", "accounts/yamls.py",
    "kpis/readings.py", "kpis/units.py", "kpis/evaluation.py", "kpis/thresholds.py", "kpis/verdict.py", "kpis/actual.py",
    "kpis/figures.py", "kpis/durations.py", "kpis/reductions.py", "kpis/sheets.py",
    "kpis/drawing.py", "kpis/stats/*.py", "kpis/formats/*.py", "probes/instrument.py", "probes/addresses.py", "probes/kinds/*.py",
    "probes/stopwatch/*.py", "probes/load/*.py", "probes/metrics/*.py", "probes/sources/*.py", "outgoing/addresses.py",
    "roadmap/roi.py", "roadmap/rates.py", "roadmap/limits.py", "roadmap/records.py",
    "roadmap/risk.py", "roadmap/schedule.py", "roadmap/gates.py", "roadmap/drawing/*.py", "roadmap/wording.py",
]  # fmt: skip
CLOCKS = {f"{owner}.{name}" for owner in ("datetime", "date", "timezone") for name in ("now", "today", "utcnow")} | {"time.time"}


def sources(app: str) -> Iterator[Path]:
    return (path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


@pytest.mark.parametrize("app", sorted(MAY_IMPORT))
def test_imports_go_one_way(app: str) -> None:
    against = [
        f"{path.relative_to(ROOT)}:{line} {module}"
        for path in sources(app)
        for line, module in imports(path)
        if (root := module.split(".")[0]) in OURS and root != app and root not in MAY_IMPORT[app]
    ]
    assert against == []


def test_demo_takes_nothing_of_milepost_but_the_instrument() -> None:
    taken = {module for path in sources("demo") for _, module in imports(path) if module.split(".")[0] in OURS - {"demo"}}
    assert taken == {"probes.instrument"}


@pytest.mark.parametrize("pattern", PURE)
def test_pure_modules_know_no_django_and_no_clock(pattern: str) -> None:
    paths = sorted(ROOT.glob(pattern))
    assert paths
    for path in paths:
        assert [module for _, module in imports(path) if module.split(".")[0] in ("django", "rest_framework", "celery")] == [], (
            path
        )
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        clocks = [call.lineno for call in calls if ast.unparse(call.func) in CLOCKS]
        assert clocks == [], path


def test_no_import_inside_a_function() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for app in OURS
        for path in sources(app)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]
    assert found == []
