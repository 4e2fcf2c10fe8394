"""A body of JSON that nobody can mean is refused before any view reads it, whatever the view is."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
PLACES = [
    "services/", "services/import/", "services/discover/", "waivers/", "silences/", "rules/", "maintenance/", "scorecards/",
    "roadmaps/import/",
]  # fmt: skip


def post(as_admin: Any, place: str, body: str) -> Any:
    return as_admin.post(f"/api/v1/{place}", body, content_type="application/json")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("depth", [51, 20_000])
def test_what_is_nested_too_deeply_is_refused(as_admin: Any, place: str, depth: int) -> None:
    answer = post(as_admin, place, f'{{"a": {"[" * depth}{"]" * depth}}}')
    assert (answer.status_code, answer.json()["detail"]) == (400, "The document is nested more than 50 deep.")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("text", "why"), [("\\u0000", "NUL"), ("\\ud800", "surrogate")])
def test_text_that_no_database_keeps_is_refused_at_its_place(as_admin: Any, place: str, text: str, why: str) -> None:
    answer = post(as_admin, place, f'{{"owner": "a{text}", "paths": ["ü", "/{text}"], "x{text}": 1}}')
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert {error["path"] for error in errors} == {"$.owner", "$.paths[1]", "$"}
    assert all(why in error["detail"] for error in errors)


def test_an_answer_tells_the_first_hundred(as_admin: Any) -> None:
    answer = post(as_admin, "services/", json.dumps({"tags": ["\0"] * 1000}))
    assert [error["path"] for error in answer.json()["errors"]] == [f"$.tags[{number}]" for number in range(100)]


def test_other_signs_than_letters_are_read(as_admin: Any) -> None:
    assert post(as_admin, "scorecards/", '{"name": "Ünder 🙂"}').status_code == 201


@pytest.mark.parametrize("name", ["\\u0000", "card/a\\u0000"])
def test_a_kpi_of_that_name_is_there_for_nobody(as_admin: Any, name: str) -> None:
    row = f'[{{"kpi": "{name}", "subject": "s", "at": "2026-03-01T12:00:00Z", "value": 1}}]'
    answer = post(as_admin, "measurements/", row)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "$[0].kpi")


@pytest.mark.parametrize("keys", [["ü" * 200_000], [f"{depth}" * 60 for depth in range(40)]])
def test_an_answer_is_small_however_long_the_names_in_what_was_sent(as_admin: Any, keys: list[str]) -> None:
    document: Any = ["\0"] * 200
    for key in keys:
        document = {key: document}
    answer = post(as_admin, "services/", json.dumps(document))
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 100)
    assert len(answer.content) < 50_000


def test_a_name_that_is_no_text_is_told_as_far_as_it_is_one(as_admin: Any) -> None:
    answer = post(as_admin, "services/", '{"a\\ud800": "\\u0000"}')
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, ["$", "$.a?"])
