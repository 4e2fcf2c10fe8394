from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from kpis.models import KPI, Sample, Submission
from kpis.recording import record
from kpis.sides import BadSide, Window, of_versions, of_windows, versions
from tests.factories import People
from tests.kpis.factories import NOW, latency_point, make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
HOUR = timedelta(hours=1)
SHAKEN = [800 + 7 * index % 10 for index in range(10)]
URL = "/api/v1/kpis/plan/latency/comparison/"


@pytest.fixture
def kpi() -> KPI:
    kpi = make_kpi("latency", scorecard=make_scorecard("plan"), aggregation="p95")
    make_target(kpi, "<", 500)
    return kpi


def send(kpi: KPI, by: User, commit: str, samples: list[float], at: datetime, **fields: Any) -> Submission:
    """A CI result of one commit, as it is kept."""
    sent = Submission.objects.create(
        submitted_by=by, commit=commit, format="milepost", payload_sha256="", verdict="pass", document={}, **fields
    )
    Sample.objects.create(submission=sent, name="bench", metric="latency", kpi=kpi, value=1, unit="ms")
    record([latency_point(kpi, samples, at, subject="ci", origin=f"result:{sent.pk}")], now=NOW)
    return sent


def send_both(kpi: KPI, by: User) -> None:
    for index in range(6):
        send(kpi, by, "a" * 40, [800.0 + index] * 20, NOW - 20 * HOUR + timedelta(minutes=index))
        send(kpi, by, "ab" + "c" * 38, [600.0 + index] * 20, NOW - 10 * HOUR + timedelta(minutes=index))


def test_versions_are_compared_by_their_results(kpi: KPI, people: People) -> None:
    send_both(kpi, people.engineer)
    assert versions(kpi) == ["ab" + "c" * 38, "a" * 40]
    found = of_versions(kpi, "aa", "ab")
    assert (found.told.word, found.told.change.runs_before, found.told.change.runs_after) == ("Lower, better", 6, 6)
    assert found.told.change.relative == pytest.approx(-0.25, abs=0.01)
    assert (found.before.name, found.before.drawn) == ("a" * 12, "result")


def test_what_was_invalidated_is_no_part_of_a_version(kpi: KPI, people: People) -> None:
    send(kpi, people.engineer, "f" * 40, [800.0], NOW, invalidated_at=NOW)
    assert versions(kpi) == []
    with pytest.raises(BadSide, match="No result"):
        of_versions(kpi, "f", "e")


@pytest.mark.parametrize(
    ("before", "after", "field", "words"),
    [
        ("a", "ab", "before", "beginning of 2 versions"),
        ("aa", "", "after", "Name a version"),
        ("aa", "beef", "after", "No result of this KPI"),
        ("aa", "aaa", "after", "same version"),
    ],
)
def test_a_version_is_one(kpi: KPI, people: People, before: str, after: str, field: str, words: str) -> None:
    send_both(kpi, people.engineer)
    with pytest.raises(BadSide, match=words) as caught:
        of_versions(kpi, before, after)
    assert caught.value.field == field


def test_windows_are_compared_and_do_not_overlap(kpi: KPI) -> None:
    record_values(kpi, [*SHAKEN, *(value - 200 for value in SHAKEN)], until=NOW)
    split, end = NOW - timedelta(minutes=9, seconds=30), NOW + timedelta(seconds=1)
    found = of_windows(kpi, Window(NOW - HOUR, split), Window(split, end))
    assert (found.told.change.runs_before, found.told.change.runs_after, found.told.word) == (10, 10, "Lower, better")
    with pytest.raises(BadSide, match="overlap"):
        of_windows(kpi, Window(NOW - HOUR, split), Window(split - timedelta(seconds=1), end))
    with pytest.raises(BadSide, match="ends after its start"):
        of_windows(kpi, Window(split, split), Window(split, end))


@pytest.fixture
def ask(people: People, api: Callable[[str], APIClient], make_token: Callable[..., str]) -> Callable[..., Any]:
    client = api(make_token(people.viewer, ["read"]))
    return lambda **query: client.get(URL, query)


def iso(at: datetime) -> str:
    return at.isoformat()


def test_the_api_answers_with_change_change_points_and_forecast(kpi: KPI, people: People, ask: Callable[..., Any]) -> None:
    record_values(kpi, [*range(800, 815), *range(600, 615)], until=NOW)
    course = {"from": iso(NOW - HOUR), "to": iso(NOW + HOUR)}
    told = ask(**course).json()
    change = told["change"]
    assert (change["verdict"], change["better"], change["runs_before"], change["drawn_before"]) == ("lower", True, 15, "run")
    assert change["low"] < change["relative"] < change["high"] < 0
    assert [point["at"] for point in told["change_points"]] == [iso(NOW - timedelta(minutes=14)).replace("+00:00", "Z")]
    assert told["forecast"]["reached"] is False
    assert told["trend"]["per_day"] == pytest.approx(1440)
    assert told["subject"] == "orders"
    assert ask(**course, at=iso(NOW)).json()["change"]["reason"] == "fewer than 5 runs on a side"
    send_both(kpi, people.engineer)
    assert ask(before="aa", after="ab").json()["change"]["drawn_after"] == "result"


def test_the_course_beside_versions_is_that_of_their_series(kpi: KPI, people: People, ask: Callable[..., Any]) -> None:
    """Another series stands for the KPI: it is the worst one, and its level moved as well."""
    record_values(kpi, [*range(8000, 8015), *range(6000, 6015)], until=NOW)
    send_both(kpi, people.engineer)
    course = {"from": iso(NOW - 24 * HOUR), "to": iso(NOW + HOUR)}
    told = ask(before="aa", after="ab", **course).json()
    assert (told["subject"], told["change"]["before"]) == ("ci", pytest.approx(805, rel=0.01))
    assert told["change_points"] is None  # twelve results are too few
    assert ask(**course).json()["subject"] == "orders"
    record(
        [
            latency_point(
                kpi, [700.0] * 20, NOW - HOUR, subject="ci too", origin=f"result:{Submission.objects.latest('received_at').pk}"
            )
        ],
        now=NOW,
    )
    assert ask(before="aa", after="ab", **course).json()["subject"] is None


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"before": "beef", "after": "a"}, "before"),
        ({"before_from": iso(NOW)}, "before_to"),
        ({"at": "yesterday"}, "at"),
        ({"from": iso(NOW), "to": iso(NOW)}, "from"),
        ({"before_from": iso(NOW), "before_to": iso(NOW), "after_from": iso(NOW), "after_to": iso(NOW)}, "before_to"),
    ],
)
def test_the_api_names_what_it_cannot_compare(kpi: KPI, ask: Callable[..., Any], query: dict[str, str], path: str) -> None:
    answer = ask(**query)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


def test_the_api_names_every_end_of_a_window_that_is_wrong_or_missing(kpi: KPI, ask: Callable[..., Any]) -> None:
    def paths(**query: str) -> list[str]:
        return [error["path"] for error in ask(**query).json()["errors"]]

    assert paths(before_from="monday", after_to="sunday", at="noon") == ["at", "before_from", "after_to"]
    assert paths(before_from=iso(NOW)) == ["before_to", "after_from", "after_to"]


def test_never_measured_is_nothing_to_compare(kpi: KPI, ask: Callable[..., Any]) -> None:
    told = ask().json()
    assert (told["change"], told["change_points"], told["forecast"]) == (None, None, None)


def test_the_page_compares_windows_and_versions_without_scripts(kpi: KPI, people: People, as_viewer: Client) -> None:
    send_both(kpi, people.engineer)
    page = "/scorecards/plan/latency/"
    told = as_viewer.get(page, {"before": "aa", "after": "ab"}).content.decode()
    assert "6 results of aaaaaaaaaaaa against 6 results of abcccccccccc" in told
    assert "against 6 results of abcccccccccc, both of ci;" in told
    assert "p95 of the merged samples" in told
    ends = {name: f"{NOW - hours * HOUR:%Y-%m-%dT%H:%M}" for name, hours in
            (("before_from", 21), ("before_to", 15), ("after_from", 14), ("after_to", 1))}  # fmt: skip
    told = as_viewer.get(page, ends).content.decode()
    assert "Lower, better" in told
    assert f'value="{ends["before_from"]}"' in told
    wrong = as_viewer.get(page, {"before": "beef", "after": "ab"}).content.decode()
    assert 'id="change-before_error"' in wrong


def test_what_is_told_of_the_course_is_not_taken_for_the_two_sides(kpi: KPI, people: People, as_viewer: Client) -> None:
    send_both(kpi, people.engineer)
    record_values(kpi, [500.0] * 3, until=timezone.now(), subject="shop")
    page, said = "/scorecards/plan/latency/", "of the chart’s course (shop), not of the two sides above"
    assert said in as_viewer.get(page, {"before": "aa", "after": "ab"}).content.decode()
    assert said not in as_viewer.get(page).content.decode()
