"""Every result format: complete, recognised alone, and reading its real samples as expected."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kpis import formats

RESULTS = Path(__file__).parents[3] / "fixtures" / "results"
EXPECTED = sorted(RESULTS.glob("*.expected.json"))


def load(path: Path) -> tuple[object, dict[str, Any]]:
    sample = path.with_name(path.name.replace(".expected", ""))
    return formats.decode(sample.read_bytes()), json.loads(path.read_text())


def test_every_format_has_a_sample() -> None:
    assert {json.loads(path.read_text())["format"] for path in EXPECTED} == set(formats.FORMATS)


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.name)
def test_sample_reads_as_expected(path: Path) -> None:
    payload, expected = load(path)
    name, parsed = formats.parse(payload)
    assert (name, parsed.commit, parsed.branch) == (expected["format"], expected["commit"], expected["branch"])
    assert parsed.started_at
    assert parsed.started_at.isoformat() == expected["started_at"]
    found = [
        {
            "name": sample.name, "metric": sample.metric, "value": pytest.approx(sample.value), "unit": sample.unit,
            "count": sample.count, "failures": sample.failures, "kpi": sample.kpi,
            "p95": pytest.approx(sample.histogram.percentile(95)) if sample.histogram else None,
        }
        for sample in parsed.samples
    ]  # fmt: skip
    assert found == expected["samples"]


@pytest.mark.parametrize("payload", [{}, [], None, 7, "x", b"\x00\xff", {"benchmarks": 1}, {"samples": []}])
def test_nobody_recognises_anything_else(payload: object) -> None:
    with pytest.raises(formats.UnknownFormat):
        formats.recognise(payload)


@pytest.mark.parametrize("name", list(formats.FORMATS))
@pytest.mark.parametrize("payload", [None, [], b"", {"benchmarks": [{}]}, {"milepost": 1, "samples": [{"value": "x"}]}])
def test_what_cannot_be_read_is_said(name: str, payload: object) -> None:
    with pytest.raises(formats.Unreadable):
        formats.parse(payload, name)


def test_incomplete_module_is_refused() -> None:
    with pytest.raises(TypeError, match=r"LABEL, parse missing"):
        formats.check("half", SimpleNamespace(sniff=lambda payload: False))


def test_pytest_benchmark_speaks_of_seconds_and_we_of_ms() -> None:
    payload: Any = formats.decode((RESULTS / "pytest_benchmark-data.json").read_bytes())
    data = sorted(payload["benchmarks"][0]["stats"]["data"])
    sample = formats.parse(payload)[1].samples[0]
    assert sample.value == pytest.approx(sum(data) / len(data) * 1000)
    assert sample.histogram
    assert sample.histogram.percentile(95) == pytest.approx(data[94] * 1000, rel=0.002)


def test_a_value_lies_within_the_samples_beside_it() -> None:
    sample = {"name": "search", "unit": "ms", "histogram": {"values": [5, 6]}}
    _, parsed = formats.parse({"milepost": 1, "samples": [sample | {"value": 5.5}]}, "milepost")
    assert parsed.samples[0].value == 5.5
    with pytest.raises(formats.Unreadable) as caught:
        formats.parse({"milepost": 1, "samples": [sample | {"value": 99}]}, "milepost")
    assert [path for path, _ in caught.value.errors] == ["$.samples[0].value"]


@pytest.mark.parametrize(
    ("written", "read"),
    [("2020-03-01T12:00:00.5", "2020-03-01T12:00:00.500000+00:00"), ("2020-03-01T12:00:00+02:00", "2020-03-01T10:00:00+00:00")],
)
def test_pytest_benchmark_wrote_utc_without_its_offset_before_release_5(written: str, read: str) -> None:
    _, parsed = formats.parse({"benchmarks": [], "machine_info": {}, "datetime": written})
    assert parsed.started_at
    assert parsed.started_at.isoformat() == read


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "2020-03-01", "now", 7])
def test_pytest_benchmark_with_a_time_that_is_none_is_refused(written: object) -> None:
    with pytest.raises(formats.Unreadable) as caught:
        formats.parse({"benchmarks": [], "machine_info": {}, "datetime": written})
    assert [path for path, _ in caught.value.errors] == ["$.datetime"]
