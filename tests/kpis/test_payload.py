"""What the bulk API refuses, in each of its three shapes: with the path of the bad field, and nothing stored."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from accounts.texts import TOO_DEEP
from kpis.api import payload
from kpis.history import history
from kpis.models import KPI, Measurement, Rollup, Series
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
Post = Callable[..., Any]
SHAPES = {"array": "$", "envelope": "$.measurements", "lines": "$"}


@pytest.fixture
def post(people: People, api: Callable[[str], APIClient], make_token: Callable[..., str]) -> Post:
    """`post(shape, rows)`; a row that is text is sent as it stands."""
    client = api(make_token(people.engineer, ["results:write"]))
    make_kpi("latency")
    for slug in ("one", "two"):
        make_kpi("twice", scorecard=make_scorecard(slug))

    def send(shape: str, rows: list[Any], *, encoding: str = "utf-8") -> Any:
        texts = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in rows]
        listed = f"[{','.join(texts)}]"
        body = {"array": listed, "envelope": f'{{"measurements":{listed}}}', "lines": "\n\n".join(texts)}[shape]
        kind = "application/x-ndjson" if shape == "lines" else "application/json"
        return client.generic("POST", "/api/v1/measurements/", body.encode(encoding), content_type=kind)

    return send


def row(index: int = 0, **fields: Any) -> dict[str, Any]:
    at = timezone.now() - timedelta(seconds=index)
    return {"kpi": "latency", "subject": "orders", "at": at.isoformat(), "value": 12.5} | fields


def ahead(seconds: float) -> str:
    return (timezone.now() + timedelta(seconds=seconds)).isoformat()


def text(**fields: str) -> str:
    """A row with fields as they stand in the body."""
    kept = {name: json.dumps(value) for name, value in row().items()} | fields
    return "{" + ",".join(f'"{name}":{value}' for name, value in kept.items()) + "}"


BAD = {
    "nan": (lambda: text(value="NaN"), "value"),
    "infinity": (lambda: text(value="Infinity"), "value"),
    "minus infinity": (lambda: text(value="-Infinity"), "value"),
    "overflow": (lambda: text(value="1e999"), "value"),
    "huge whole number": (lambda: text(value="1" + "0" * 400), "value"),
    "whole number beyond reading": (lambda: text(value="1" + "0" * 5000), "value"),
    "overflow by unit": (lambda: row(value=1e308, unit="s"), "value"),
    "no number": (lambda: row(value=True), "value"),
    "no value": (lambda: text(value="null"), "value"),
    "future": (lambda: row(at=ahead(70)), "at"),
    "before 2000": (lambda: row(at="1999-12-31T23:59:59.999999Z"), "at"),
    "before 2000 by its offset": (lambda: row(at="2000-01-01T00:59:59+01:00"), "at"),
    "first day of all": (lambda: row(at="0001-01-01T00:00:00+14:00"), "at"),
    "last day of all": (lambda: row(at="9999-12-31T23:59:60Z"), "at"),
    "no offset": (lambda: row(at="2026-03-29T02:30:00"), "at"),
    "zone by name": (lambda: row(at="2026-03-29T02:30:00[Europe/Berlin]"), "at"),
    "hour 24": (lambda: row(at="2026-01-01T24:00:00Z"), "at"),
    "second 60 within a day": (lambda: row(at="2016-12-31T12:30:60Z"), "at"),
    "second 60 of another month's day": (lambda: row(at="2016-12-30T23:59:60Z"), "at"),
    "second 61": (lambda: row(at="2016-12-31T23:59:61Z"), "at"),
    "epoch": (lambda: row(at=1767225600), "at"),
    "unknown kpi": (lambda: row(kpi="nothing"), "kpi"),
    "unknown kpi of many letters": (lambda: row(kpi="x" * 100_000), "kpi"),
    "ambiguous kpi": (lambda: row(kpi="twice"), "kpi"),
    "unit of another kind": (lambda: row(unit="MB"), "unit"),
    "no unit at all": (lambda: row(unit="parsecs"), "unit"),
    "negative count": (lambda: row(count=-1), "count"),
    "no sample": (lambda: row(count=0), "count"),
    "uncountable": (lambda: row(count=2**80), "count"),
    "part of a sample": (lambda: row(count=1.5), "count"),
    "half a letter": (lambda: text(subject=r'"\ud800"'), "subject"),
    "no subject": (lambda: row(subject=""), "subject"),
    "blank subject": (lambda: row(subject=" \t "), "subject"),
    "buckets that do not ascend": (lambda: row(histogram={"values": [13, 12], "counts": [1, 1]}), "histogram.values[1]"),
    "nul": (lambda: row(subject="a\0b"), "subject"),
    "field that is none": (lambda: row(colour="red"), "colour"),
    "bucket that is no number": (lambda: text(histogram='{"values":[NaN],"counts":[1]}'), "histogram.values[0]"),
    "bucket past all floats": (lambda: row(histogram={"unit": "s", "values": [1e308], "counts": [1]}), "histogram.values[0]"),
    "bucket of less than none": (lambda: row(histogram={"values": [1], "counts": [-1]}), "histogram.counts[0]"),
    "value above its samples": (lambda: row(value=6.05, histogram={"values": [5, 6], "counts": [1, 1]}), "value"),
    "value below its samples": (lambda: row(value=0.0049, unit="s", histogram={"values": [5], "counts": [1]}), "value"),
    "another count than the histogram's": (lambda: row(count=3, histogram={"values": [12.5], "counts": [1]}), "count"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_field_is_named_and_nothing_is_stored(post: Post, shape: str, name: str) -> None:
    make, path = BAD[name]
    answer = post(shape, [row(1), make(), row(2)])
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert [error["path"] for error in answer.json()["errors"]] == [f"{SHAPES[shape]}[1].{path}"]
    assert (Measurement.objects.count(), Series.objects.count(), Rollup.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_that_is_nested_too_deeply_is_named(post: Post, shape: str) -> None:
    answer = post(shape, [row(), text(kpi="[" * 700 + "]" * 700)])
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, f"{SHAPES[shape]}[1]")


@pytest.mark.parametrize("shape", SHAPES)
def test_faults_of_every_kind_are_told_at_once_in_the_order_of_the_rows(post: Post, shape: str) -> None:
    """What cannot be decoded hides nothing of the rows beside it, nor of its own row."""
    bad = [
        row(1, kpi="nothing", at="now"), row(2, value=-1), row(3, unit="MB", count=0), row(4, at=ahead(99)),
        text(value='"x"', count="1.5", colour="1"), {"kpi": "latency"}, 5,
        row(5, histogram={"values": [2, 1], "counts": [1, 1]}, value=-1),
        row(6, unit="MB", histogram={"values": [2], "counts": [1]}),
    ]  # fmt: skip
    answer = post(shape, [row(), *bad, row(9)])
    assert answer.status_code == 422
    assert [error["path"].removeprefix(SHAPES[shape]) for error in answer.json()["errors"]] == [
        "[1].kpi", "[1].at", "[2].value", "[3].unit", "[3].count", "[4].at", "[5].value", "[5].count", "[5].colour",
        "[6].subject", "[6].at", "[6].value", "[7]", "[8].histogram.values[1]", "[8].value",
        "[9].unit",
    ]  # fmt: skip
    assert (Measurement.objects.count(), Series.objects.count()) == (0, 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hundred_faults_are_told_and_they_are_the_first(post: Post, shape: str) -> None:
    errors = post(shape, [row(value=-1), *[row(value="x")] * 200]).json()["errors"]
    assert [error["path"] for error in errors] == [f"{SHAPES[shape]}[{index}].value" for index in range(100)]


@pytest.mark.parametrize("value", [5, 6, 5.5, 5.99 / 0.999])
def test_a_value_may_be_any_figure_of_its_samples(post: Post, value: float) -> None:
    sent = row(value=value, histogram={"values": [5, 5.99], "counts": [1, 1]})
    assert post("array", [sent]).status_code == 201


SAMPLES = {"value": 5, "count": 3, "histogram": {"values": [4, 5, 6], "counts": [1, 1, 1]}}


@pytest.mark.parametrize(
    ("first", "other", "field"),
    [
        ({"value": 5}, {"value": 6}, "value"),
        ({"value": 5}, {"value": 5, "count": 3}, "count"),
        (SAMPLES, {"value": 5, "count": 3}, "histogram"),
        ({"value": 5}, {"value": 5, "reported": True}, "reported"),
        ({"value": 5, "reported": True}, {"value": 5, "reported": False}, "reported"),
        (SAMPLES, SAMPLES | {"histogram": {"values": [4, 5], "counts": [1, 2]}}, "histogram"),
    ],
)
def test_what_says_something_else_is_a_conflict_by_its_field(
    post: Post, first: dict[str, Any], other: dict[str, Any], field: str
) -> None:
    once = row() | first
    again = once | {"count": 1, "histogram": None} | other
    twice = post("array", [once, once, again]).json()
    assert [(error["path"], "twice in this batch" in error["detail"]) for error in twice["errors"]] == [(f"$[2].{field}", True)]
    assert post("array", [once, once]).json() == {"stored": 1, "ignored": 1}
    answer = post("array", [once, again])
    told = [(error["path"], "stored already" in error["detail"]) for error in answer.json()["errors"]]
    assert (answer.status_code, told, Measurement.objects.count()) == (409, [(f"$[1].{field}", True)], 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_ambiguous_key_comes_back_with_its_candidates(post: Post, shape: str) -> None:
    (error,) = post(shape, [row(kpi="twice")]).json()["errors"]
    assert error["candidates"] == ["one/twice", "two/twice"]


@pytest.mark.parametrize("name", ["latency", "plan/latency"])
def test_an_archived_kpi_is_said_to_be_archived(post: Post, name: str) -> None:
    kpi = KPI.objects.get(key="latency")
    KPI.objects.filter(pk=kpi.pk).update(archived_at=timezone.now())
    (error,) = post("array", [row(kpi=name.replace("plan", kpi.scorecard.slug))]).json()["errors"]
    place = f"{kpi.scorecard.slug}/latency"
    assert error == {"path": "$[0].kpi", "detail": f"{place} is archived, or its scorecard is: restore it first."}


@pytest.mark.parametrize("shape", SHAPES)
def test_one_bad_row_in_ten_thousand_and_one_row_too_many(post: Post, shape: str) -> None:
    rows: list[Any] = [text(at=f'"2026-01-01T00:00:00.{index:06}Z"') for index in range(9_999)]
    bad = post(shape, [*rows, text(value="NaN")])
    assert (bad.status_code, bad.json()["errors"][0]["path"]) == (422, f"{SHAPES[shape]}[9999].value")
    many = post(shape, [*rows, *rows[:2]])
    assert (many.status_code, many.json()["errors"][0]["path"]) == (422, f"{SHAPES[shape]}[10000]")
    assert Measurement.objects.count() == 0


@pytest.mark.parametrize("seconds", [0, 55])
def test_a_clock_may_run_a_minute_ahead(post: Post, seconds: int) -> None:
    assert post("array", [row(at=ahead(seconds)), row(at="2000-01-01T00:00:00Z")]).json() == {"stored": 2, "ignored": 0}


def test_a_line_that_is_none_is_told_by_its_number(post: Post) -> None:
    assert "Line 3" in post("lines", [row(1), "{", row(2)]).json()["detail"]
    assert "Line 5" in post("lines", ["", row(1), "{"]).json()["detail"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("endless", ["[" * 100_000, '{"kpi":' * 100_000])
def test_what_is_nested_without_end_is_not_read(post: Post, shape: str, endless: str) -> None:
    answer = post(shape, [row(1), endless])
    assert (answer.status_code, TOO_DEEP in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_stays_short_whatever_was_sent(post: Post, shape: str) -> None:
    long = "x" * 100_000
    answer = post(shape, [row(**{long: 1}), row(unit=long), row(kpi=long), row(at=long), row(value=long), row(subject=long)])
    assert (answer.status_code, len(answer.json()["errors"]), len(answer.content) < 3_000) == (422, 6, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"colour": 1}, {"subject": ""}, {"subject": "x" * 81}, {"environment": "x" * 41}, {"value": 1e101}, {"count": 0},
        {"count": 10**13}, {"value": "1"}, {"histogram": {"values": [1], "counts": [0]}},
        {"histogram": {"values": [-1], "counts": [1]}},
    ],
)  # fmt: skip
def test_what_the_description_refuses_the_api_refuses(post: Post, fields: dict[str, Any]) -> None:
    described = Draft202012Validator(payload.DESCRIBED)
    assert described.is_valid([row()])
    assert not described.is_valid([row(**fields)])
    assert post("array", [row(**fields)]).status_code == 422


def test_what_cannot_be_read_is_told_whatever_is_wrong_before_it(post: Post) -> None:
    assert "no JSON" in post("array", [row(colour="red"), "{"]).json()["detail"]


def test_a_whole_number_without_end_is_told_to_be_too_many(post: Post) -> None:
    assert (
        post("array", [text(count="9" * 5000)]).json()["errors"][0]["detail"]
        == "a count is at least 1 and at most 1,000,000,000,000"
    )


@pytest.mark.parametrize(("encoding", "status"), [("utf-8-sig", 201), ("utf-16", 400), ("latin-1", 400)])
def test_the_body_is_utf_8_with_a_mark_or_without(post: Post, encoding: str, status: int) -> None:
    for shape in SHAPES:
        assert post(shape, [row(subject="größe")], encoding=encoding).status_code == status


def test_the_hour_that_comes_twice_is_two_hours(post: Post) -> None:
    """Berlin, 25 October 2026: a day of 25 hours, in which 02:30 comes twice."""
    sent = [row(at=f"2026-10-25T02:30:00+0{offset}:00", value=offset) for offset in (2, 1)]
    again = row(at="2026-10-25T01:30:00Z", value=1)
    assert post("array", [*sent, again]).json() == {"stored": 2, "ignored": 1}
    stored = Measurement.objects.order_by("at").values_list("at", "value")
    assert [(at.hour, value) for at, value in stored] == [(0, 2), (1, 1)]


@pytest.mark.parametrize(("start", "hours"), [("2026-03-29T00:00:00+01:00", 23), ("2026-10-25T00:00:00+02:00", 25)])
def test_a_local_day_has_as_many_hours_as_it_has(post: Post, start: str, hours: int) -> None:
    first = datetime.fromisoformat(start)
    assert post("lines", [row(at=(first + timedelta(hours=i)).isoformat()) for i in range(hours)]).status_code == 201
    kpi = Series.objects.get().kpi
    found = history(kpi, start=first, end=first + timedelta(hours=hours))
    assert len(found.points) == Rollup.objects.filter(resolution="hour").count() == hours


def test_a_local_midnight_that_does_not_exist_is_told_by_offset(post: Post) -> None:
    """São Paulo, 4 November 2018: clocks went from 23:59:59 −03 to 01:00 −02; both ways to write it are one moment."""
    sent = [row(at=at) for at in ("2018-11-04T00:00:00-03:00", "2018-11-04T01:00:00-02:00")]
    assert post("envelope", sent).json() == {"stored": 1, "ignored": 1}


@pytest.mark.parametrize(
    ("name", "text"), [("from", "0001-01-01T00:00:00+10:00"), ("to", "0001-01-01T00:00:00Z"), ("to", "9999-12-31T23:59:59-10:00")]
)
def test_a_time_at_the_end_of_the_calendar_is_refused(people: People, api: Callable[[str], APIClient],
                                                      make_token: Callable[..., str], name: str, text: str) -> None:  # fmt: skip
    kpi = make_kpi(make_scorecard())
    address = f"/api/v1/kpis/{kpi.scorecard.slug}/{kpi.key}/measurements/"
    answer = api(make_token(people.viewer, ["read"])).get(address, {name: text})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, name)


@pytest.mark.parametrize("page", ["measurements", "comparison"])
def test_every_time_that_cannot_be_read_is_named(people: People, api: Callable[[str], APIClient],
                                                 make_token: Callable[..., str], page: str) -> None:  # fmt: skip
    kpi = make_kpi(make_scorecard())
    address = f"/api/v1/kpis/{kpi.scorecard.slug}/{kpi.key}/{page}/"
    answer = api(make_token(people.viewer, ["read"])).get(address, {"from": "monday", "to": "2026-02-30T00:00:00Z"})
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, ["from", "to"])


def test_a_wrong_number_of_points_is_named_beside_a_wrong_time(
    people: People, api: Callable[[str], APIClient], make_token: Callable[..., str]
) -> None:
    kpi = make_kpi(make_scorecard())
    address = f"/api/v1/kpis/{kpi.scorecard.slug}/{kpi.key}/measurements/"
    answer = api(make_token(people.viewer, ["read"])).get(address, {"from": "monday", "points": "many"})
    assert [error["path"] for error in answer.json()["errors"]] == ["from", "points"]
