from typing import Any

import pytest
from django.db import connection

from accounts.models import AuditEntry
from kpis import importing, sheets
from kpis.models import Measurement, Scorecard
from tests.factories import People
from tests.kpis.factories import NOW, make_kpi, make_scorecard, make_target, record_values

pytestmark = [pytest.mark.django_db, pytest.mark.databases]
HEAD = "kpi,subject,environment,at,value,count,unit,note\n"


@pytest.fixture
def card() -> Scorecard:
    card = make_scorecard("plan")
    make_kpi("speed", scorecard=card, name="Speed", aggregation="last")
    make_kpi(
        "tickets", scorecard=card, unit="%", direction="higher", aggregation="last", reference=80, reference_unit="count"
    )  # fmt: skip
    return card


def faults(reading: importing.Reading) -> list[tuple[int, str]]:
    return [(fault.line, fault.column) for fault in reading.faults]


def bring(text: str, card: Scorecard, people: People) -> importing.Reading:
    return importing.bring(text, scorecard=card, actor=people.manager, now=NOW)


def test_rows_come_in_in_the_units_of_their_kpis(card: Scorecard, people: People) -> None:
    text = HEAD + "speed,shop,prod,2026-02-01,0.45,3,s,desk\nplan/tickets,desk,,2026-02-01,60,,,\nSPEED,shop,,2026-02-02,450,,,\n"
    entry = bring(text, card, people).entry
    assert (entry and entry.receipt.stored) == 3
    rows = Measurement.objects.order_by("pk").values_list(
        "series__kpi__key", "series__environment", "value", "raw", "count", "note"
    )
    assert list(rows) == [
        ("speed", "prod", 450, None, 3, "desk"),
        ("tickets", "", 25, 60, 1, ""),
        ("speed", "", 450, None, 1, ""),
    ]
    assert {row.origin for row in Measurement.objects.all()} == {entry and entry.origin}


def test_a_percentile_of_many_samples_is_said_to_be_one(card: Scorecard, people: People) -> None:
    make_kpi("p95", scorecard=card, aggregation="p95")
    head = "kpi,subject,at,value,count,reported\n"
    assert faults(bring(head + "p95,shop,2026-02-01,200,1000,\np95,shop,2026-02-02,200,9,perhaps\n", card, people)) == [
        (3, "reported"), (2, "reported"),
    ]  # fmt: skip
    assert bring(head + "p95,shop,2026-02-01,200,1000,yes\np95,shop,2026-02-02,200,,\n", card, people).faults == []
    assert list(Measurement.objects.order_by("at").values_list("reported", flat=True)) == [True, False]


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("sped,shop,,2026-02-01,1,,,", "kpi", "did you mean speed?"),
        ("other/speed,shop,,2026-02-01,1,,,", "kpi", "no KPI"),
        ("speed,,,2026-02-01,1,,,", "subject", "fill it in"),
        ("speed,shop,,28.02.2026,1,,,", "at", "write it as 2026-02-28"),
        ("speed,shop,,2999-01-01,1,,,", "at", "Lies in the future"),
        ("speed,shop,,1999-01-01,1,,,", "at", "before the year 2000"),
        ("speed,shop,,0001-01-01T00:00+14:00,1,,,", "at", "is no time"),
        ("speed,shop,,2026-02-01,,,,", "value", "fill it in"),
        ('speed,shop,,2026-02-01,"0,45",,,', "value", "decimals with a point"),
        ("speed,shop,,2026-02-01,=1+1,,,", "value", "is no figure"),
        ("speed,shop,,2026-02-01,1,1.5,,", "count", "whole number"),
        ("speed,shop,,2026-02-01,1,0,,", "count", "at least 1"),
        ("speed,shop,,2026-02-01,1,,MB,", "unit", "cannot be converted"),
        ("speed,shop,,2026-02-01,1,,furlong,", "unit", "is no unit"),
        (f"speed,shop,,2026-02-01,1,,,{'x' * 301}", "note", "300"),
        (f"speed,{'x' * 81},,2026-02-01,1,,,", "subject", "80"),
        ("speed,shop,,2026-02-03,2,,,", "value", "Line 2 gives another value"),
        ("speed,shop,,2026-02-03T00:00Z,1,7,,", "count", "Line 2 gives another count"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_stored(card: Scorecard, people: People, row: str, column: str, words: str) -> None:
    text = f"{HEAD}speed,shop,,2026-02-03,1,,,\n{row}\n"
    for reading in (bring(text, card, people), importing.check(text, scorecard=card, actor=people.manager, now=NOW)):
        assert faults(reading) == [(3, column)]
        assert words in reading.faults[0].detail
    assert (Measurement.objects.count(), AuditEntry.objects.filter(action="measurement.import").count()) == (0, 0)


def test_every_bad_row_is_told_at_once(card: Scorecard, people: People) -> None:
    text = HEAD + "sped,,,soon,fast,x,,\nspeed,shop,,2026-02-01,1,,,\nspeed,shop,,soon,1,,,\n"
    assert faults(bring(text, card, people)) == [
        (2, "subject"), (2, "kpi"), (2, "at"), (2, "count"), (2, "value"), (4, "at"),
    ]  # fmt: skip


@pytest.mark.parametrize("how", [importing.check, importing.bring])
def test_what_stands_and_what_cannot_be_is_told_with_the_rest(card: Scorecard, people: People, how: Any) -> None:
    """Whoever puts right what they are told finds no new fault in the next pass."""
    bring(HEAD + "speed,shop,,2026-02-01,450,,,\n", card, people)
    text = (
        HEAD
        + "speed,shop,,2026-02-01,451,,,\nspeed,shop,,2999-01-01,1,,,\nsped,shop,,soon,x,0,mi,\nspeed,shop,,2026-02-02,1,,,\n"
    )
    reading = how(text, scorecard=card, actor=people.manager, now=NOW)
    told = sorted((fault.line, fault.column) for fault in reading.faults)
    assert told == [(2, "value"), (3, "at"), (4, "at"), (4, "count"), (4, "kpi"), (4, "unit"), (4, "value")]
    assert (reading.entry, Measurement.objects.count()) == (None, 1)


def test_the_same_again_is_ignored_and_another_value_named_by_its_line(card: Scorecard, people: People) -> None:
    text = HEAD + "speed,shop,,2026-02-01,1,,,\nspeed,shop,,2026-02-02,2,,,\n"
    bring(text, card, people)
    again = importing.bring(text + "speed,shop,,2026-02-03,3,,,\n", scorecard=card, actor=people.engineer, now=NOW)
    assert again.entry is not None
    assert (again.entry.receipt.stored, again.entry.receipt.ignored) == (1, 2)
    conflict = bring(text.replace(",2,,,", ",9,,,"), card, people)
    assert (faults(conflict), "at this time" in conflict.faults[0].detail) == ([(3, "value")], True)
    assert Measurement.objects.count() == 3


def test_lines_that_repeat_others_are_told_apart_from_what_stands(card: Scorecard, people: People) -> None:
    bring(HEAD + "speed,shop,,2026-02-01,1,,,\n", card, people)
    row = "speed,shop,,2026-02-02,2,,,\n"
    reading = bring(f"{HEAD}speed,shop,,2026-02-01,1,,,\n{row}{row}{row}", card, people)
    assert (reading.repeats, reading.stood) == ({4: 3, 5: 3}, 1)
    assert (reading.entry and reading.entry.receipt.stored, Measurement.objects.count()) == (1, 2)


def test_a_check_stores_nothing(card: Scorecard, people: People) -> None:
    reading = importing.check(HEAD + "speed,shop,,2026-02-01,1,,,\n", scorecard=card, actor=people.manager, now=NOW)
    assert (reading.faults, reading.entry and reading.entry.receipt.stored) == ([], 1)
    assert (Measurement.objects.count(), AuditEntry.objects.filter(action="measurement.import").count()) == (0, 0)


def test_the_example_is_a_good_file(card: Scorecard, people: People) -> None:
    make_target(make_kpi("calm", scorecard=card), value=1_500_000)
    record_values(card.kpis.get(key="speed"), [0.125], until=NOW, subject="shop", environment="prod")
    make_kpi("gone", scorecard=card, archived_at=NOW)
    reading = bring(importing.example(card, now=NOW), card, people)
    assert (faults(reading), [(point.kpi.key, point.subject, point.value) for point in reading.points]) == (
        [], [("calm", "plan", 1_500_000), ("speed", "shop", 0.125), ("tickets", "plan", 80)],
    )  # fmt: skip


def test_the_example_runs_nothing_in_a_spreadsheet(card: Scorecard) -> None:
    record_values(card.kpis.get(key="speed"), [1], until=NOW, subject='=HYPERLINK("http://evil")', environment="+1")
    row = next(line for line in sheets.read(importing.example(card, now=NOW)).lines if line["kpi"] == "speed")
    assert (row["subject"], row["environment"]) == ('\'=HYPERLINK("http://evil")', "'+1")


@pytest.mark.parametrize("rows", [1, 30])
def test_an_import_asks_the_same_number_of_queries(
    card: Scorecard, people: People, rows: int, django_assert_num_queries: Any
) -> None:
    first = HEAD + "speed,shop,,2026-02-01,1,,,\n"
    bring(first, card, people)
    text = HEAD + "".join(f"speed,shop,,2026-02-02T12:{row:02},1,,,\n" for row in range(rows))
    with django_assert_num_queries(14 if connection.vendor == "postgresql" else 15):
        bring(text, card, people)
