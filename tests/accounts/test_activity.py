from __future__ import annotations

import csv
import io
import json
from datetime import timedelta, timezone
from typing import Any

import pytest
from django.test import Client

from accounts import activity, audit
from accounts.models import AuditEntry
from accounts.spreadsheets import lines
from tests.factories import People

pytestmark = [pytest.mark.django_db, pytest.mark.databases]


@pytest.fixture
def entry(people: People) -> AuditEntry:
    return audit.record(
        actor=people.manager, action="target.propose", subject=people.viewer, token="robot",
        before={"target": "< 500", "due_on": None}, after={"target": "< 450", "due_on": "2026-12-01", "tags": ["a", "b"]},
        why='=HYPERLINK("http://evil")',
    )  # fmt: skip


def body(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def test_change_reads_as_a_difference(entry: AuditEntry, as_auditor: Client) -> None:
    page = as_auditor.get("/activity/?action=target.propose").content.decode()
    for said in ("Target proposed", "<del>&lt; 500</del>", "<ins>&lt; 450</ins>", "1 Dec 2026", "a, b", "by token robot"):
        assert said in page
    for raw in ("[&#x27;a", "None", "{&#x27;"):
        assert raw not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("action=target", 1),
        ("action=target.propose", 1),
        ("action=propose", 1),
        ("person=manager&action=target", 1),
        ("person=viewer&action=target", 0),
        ("of=accounts.user:0", 0),
        ("of=nonsense&action=target", 1),
        ("from=2099-01-01", 0),
        ("action=%00target", 0),
    ],
)
def test_page_api_and_exports_pick_the_same(entry: AuditEntry, as_auditor: Client, query: str, found: int) -> None:
    page = as_auditor.get(f"/activity/?{query}")
    api = as_auditor.get(f"/api/v1/activity/?{query}").json()["results"]
    exported = json.loads(body(as_auditor.get(f"/activity/export.json?{query}")))
    table = list(csv.reader(io.StringIO(body(as_auditor.get(f"/activity/export.csv?{query}")))))
    assert [page.context["page"].paginator.count, len(api), len(exported), len(table) - 1] == [found] * 4


def test_history_of_one_thing(entry: AuditEntry, as_auditor: Client, people: People) -> None:
    found = as_auditor.get(f"/api/v1/activity/?of=accounts.user:{people.viewer.pk}").json()["results"]
    assert [one["action"] for one in found] == ["target.propose", "person.roles"]
    assert sorted(found[0]["difference"]) == ["Due: nothing → 1 Dec 2026", "Tags: a, b", "Target: < 500 → < 450"]


def test_no_spreadsheet_runs_what_somebody_wrote(entry: AuditEntry, as_auditor: Client) -> None:
    answer = as_auditor.get("/activity/export.csv?action=target")
    assert answer["Content-Disposition"].startswith('attachment; filename="activity-')
    row = next(csv.DictReader(io.StringIO(body(answer))))
    assert (row["person"], row["why"]) == ("manager", '\'=HYPERLINK("http://evil")')


@pytest.mark.parametrize("start", "=+-@\t\r\n＝")
def test_cells_that_a_spreadsheet_would_run_are_quoted(start: str) -> None:
    assert next(csv.reader(io.StringIO("".join(lines([[f"{start}1+1", -5, None]]))))) == [f"'{start}1+1", "-5", ""]


def test_export_is_bounded(entry: AuditEntry, as_auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "MOST_EXPORTED", 2)
    assert AuditEntry.objects.count() > 2
    assert len(json.loads(body(as_auditor.get("/activity/export.json")))) == 2


@pytest.mark.parametrize("url", ["/activity/", "/activity/export.csv", "/activity/export.json", "/api/v1/activity/"])
def test_trail_is_for_auditors(url: str, as_approver: Client, as_admin: Client) -> None:
    assert (as_approver.get(url).status_code, as_admin.get(url).status_code) == (403, 200)


@pytest.mark.parametrize(
    ("action", "said"),
    [("target.approved", "Target approved"), ("kpi.create", "KPI created"), ("login.failed", "Log-in failed"), ("odd", "Odd"),
     ("measurement.take_back", "Measurement taken back"), ("alert.acknowledge", "Alert acknowledged")],
)  # fmt: skip
def test_deeds_in_words(action: str, said: str) -> None:
    assert activity.deed(action) == said


@pytest.mark.parametrize("how_many", [1, 30])
def test_queries_do_not_grow(how_many: int, people: People, as_auditor: Client, django_assert_num_queries: Any) -> None:
    for _ in range(how_many):
        audit.record(actor=people.manager, action="task.done", subject=people.viewer, after={"state": "done"})
    with django_assert_num_queries(7):
        as_auditor.get("/activity/")


@pytest.mark.parametrize("address", ["/activity/", "/activity/export.csv", "/api/v1/activity/"])
def test_the_last_day_of_the_calendar_can_be_asked_for(entry: AuditEntry, as_auditor: Client, address: str) -> None:
    assert as_auditor.get(address, {"to": "9999-12-31"}).status_code == 200


def found_by(client: Client, **query: str) -> list[int]:
    """How many entries the page, the API and the export hold."""
    page = client.get("/activity/", query)
    api = client.get("/api/v1/activity/", query).json()["results"]
    exported = json.loads(body(client.get("/activity/export.json", query)))
    return [page.context["page"].paginator.count, len(api), len(exported)]


@pytest.mark.parametrize("hours", [0, 2, -5])
def test_a_time_picks_to_the_instant(entry: AuditEntry, as_auditor: Client, hours: int) -> None:
    at, instant = entry.at.astimezone(timezone(timedelta(hours=hours))), timedelta(microseconds=1)
    for name, moment, found in (("from", at, 1), ("from", at + instant, 0), ("to", at, 0), ("to", at + instant, 1)):
        query = {"of": f"accounts.user:{entry.subject_id}", "action": "target.propose", name: moment.isoformat()}
        assert found_by(as_auditor, **query) == [found] * 3, (name, moment)


def test_a_plus_sign_of_an_offset_may_stand_bare(entry: AuditEntry, as_auditor: Client) -> None:
    assert as_auditor.get("/activity/?from=2099-01-01T00:00+01:00").context["page"].paginator.count == 0


def test_a_time_is_told_beside_the_fields_that_hold_its_day(entry: AuditEntry, as_auditor: Client) -> None:
    page = as_auditor.get("/activity/", {"from": "2026-01-02T01:30+02:00", "to": "2099-03-04"}).content.decode()
    assert 'name="from" value="2026-01-01"' in page
    assert 'name="to" value="2099-03-04"' in page
    assert 'title="2026-01-01 23:30:00 UTC">1 Jan 2026 23:30:00</time>' in page
    assert "whole days" not in as_auditor.get("/activity/?from=2026-01-01").content.decode()


def test_a_time_of_today_is_not_the_whole_day(entry: AuditEntry, as_auditor: Client) -> None:
    today = entry.at.date().isoformat()
    marked = 'aria-current="true">Today'
    assert marked in as_auditor.get(f"/activity/?from={today}").content.decode()
    assert marked not in as_auditor.get(f"/activity/?from={today}T00:00:01Z").content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "from=garbage",
        "to=2026-11-28T02:44",
        "from=2026-13-01&to=2026-12-01",
        "from=2026-11-28T25:00Z",
        "to=9999-12-31T23:00-09:00",
    ],
)
def test_a_day_that_cannot_be_read_shows_and_exports_nothing(entry: AuditEntry, as_auditor: Client, query: str) -> None:
    page = as_auditor.get(f"/activity/?{query}")
    assert (page.status_code, page.context["page"].paginator.count) == (422, 0)
    assert "is neither a day nor a time for" in page.content.decode()
    for form in ("csv", "json"):
        assert as_auditor.get(f"/activity/export.{form}?{query}").headers["Location"].startswith("/activity/?")
    assert as_auditor.get(f"/api/v1/activity/?{query}").status_code == 422
