from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from kpis.models import KPI, Measurement
from tests.factories import People
from tests.kpis.factories import make_kpi, make_scorecard

pytestmark = pytest.mark.django_db
URL = "/scorecards/plan/import/"
GOOD = "kpi,subject,at,value\nspeed,shop,2026-02-01,450\nspeed,shop,2026-02-02,460\n"


@pytest.fixture(autouse=True)
def _speed(db: None) -> None:
    make_kpi("speed", scorecard=make_scorecard("plan"), name="Speed", aggregation="last")


def test_a_file_is_looked_at_and_then_brought_in(as_manager: Client) -> None:
    preview = as_manager.post(URL, {"file": SimpleUploadedFile("figures.csv", GOOD.encode())})
    told = preview.content.decode()
    assert ("2 figures would come in." in told, "Bring in 2 figures" in told, Measurement.objects.count()) == (True, True, 0)
    done = as_manager.post(URL, {"text": preview.context["text"], "do": "bring"}, follow=True).content.decode()
    assert ("2 figures are in; 0 were there already." in done, Measurement.objects.count()) == (True, 2)
    url = f"/scorecards/plan/speed/entries/{Measurement.objects.all()[0].origin}/"
    assert f'<a class="lk" href="{url}">2 figures</a> of speed' in as_manager.get(URL).content.decode()
    again = as_manager.post(URL, {"text": GOOD}).content.decode()
    assert ("All of it is there already" in again, "2 rows are there already" in again, 'value="bring"' in again) == (
        True,
        True,
        False,
    )


def test_lines_that_repeat_each_other_are_named(as_manager: Client) -> None:
    text = GOOD + "speed,shop,2026-02-02T00:00Z,460\n"
    told = as_manager.post(URL, {"text": text}).content.decode()
    assert ("Line 4 repeats line 3; what repeats is ignored." in told, "there already" in told) == (True, False)
    done = as_manager.post(URL, {"text": text, "do": "bring"}, follow=True).content.decode()
    assert "2 figures are in; 0 were there already. Line 4 repeats line 3." in done


def test_a_whole_file_is_taken_back(as_manager: Client) -> None:
    make_kpi("calm", scorecard=KPI.objects.get().scorecard)
    as_manager.post(URL, {"text": GOOD + "calm,shop,2026-02-02,1\n", "do": "bring"})
    url = f"/scorecards/plan/calm/entries/{Measurement.objects.all()[0].origin}/"
    assert "3 figures are taken back." in as_manager.post(url, {"why": "wrong year"}, follow=True).content.decode()
    assert "taken back by Manager: wrong year" in as_manager.get(URL).content.decode()
    assert Measurement.objects.count() == 0


def test_what_is_wrong_is_told_by_line_beside_the_rows(as_engineer: Client) -> None:
    for fields in ({}, {"do": "bring"}):
        answer = as_engineer.post(URL, {"text": GOOD + "speed,shop,soon,1\n", **fields})
        told = answer.content.decode()
        assert (answer.status_code, Measurement.objects.count()) == (422, 0)
        assert '<td class="num b">4</td><td class="mono nw">at</td>' in told
        assert "speed,shop,soon,1" in told


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe\xff", "UTF-8"), (b"", "empty"), (b"x" * 2_000_001, "larger than 2 MB"), ("µ".encode("latin-1"), "CSV UTF-8")],
)
def test_what_is_no_table_is_told_beside_the_file(as_manager: Client, content: bytes, words: str) -> None:
    answer = as_manager.post(URL, {"file": SimpleUploadedFile("figures.csv", content)})
    assert (answer.status_code, words in " ".join(answer.context["form"].errors["file"])) == (422, True)


def test_nothing_chosen_is_told(as_manager: Client) -> None:
    assert "Choose a file" in as_manager.post(URL, {}).content.decode()


def test_an_example_has_the_scorecards_own_kpis(as_manager: Client) -> None:
    answer = as_manager.get(f"{URL}example/")
    assert (answer["Content-Type"], "plan-measurements.csv" in answer["Content-Disposition"]) == ("text/csv; charset=utf-8", True)
    assert "1 figure would come in" in as_manager.post(URL, {"text": answer.content.decode()}).content.decode()


@pytest.mark.parametrize("role", ["viewer", "engineer", "approver", "auditor", "manager", "administrator"])
def test_engineers_managers_and_administrators_import(people: People, log_in: Callable[[User], Client], role: str) -> None:
    client, opened = log_in(getattr(people, role)), role in ("engineer", "manager", "administrator")
    assert client.get(URL).status_code == client.post(URL, {"text": GOOD}).status_code == (200 if opened else 403)
    assert (f'href="{URL}"' in client.get("/scorecards/plan/").content.decode()) == opened


def test_an_archived_scorecard_takes_no_file(as_manager: Client) -> None:
    as_manager.post("/scorecards/plan/archive/", {"version": 1})
    assert as_manager.post(URL, {"text": GOOD}).status_code == 404
