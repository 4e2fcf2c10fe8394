import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.sheets import COLUMNS, MOST_LINES, decode, moment, read, write

cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40).map(str.strip)
rows = st.fixed_dictionaries(dict.fromkeys(COLUMNS, cells)).filter(lambda row: any(row.values()))


@given(st.lists(rows, min_size=1, max_size=8))
def test_what_is_written_is_read_back(table: list[dict[str, str]]) -> None:
    found = read(write(table))
    assert (found.faults, [line.cells for line in found.lines]) == ([], table)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spreadsheets_of_all_kinds_are_read(delimiter: str, end: str) -> None:
    header, row = ("KPI key", "Service", "Date", "Figure", "Samples"), ("speed", "shop", "2026-02-28", '"1,200"', "3")
    found = read("\ufeff" + end.join([delimiter.join(header), "", delimiter.join(row), ""]))
    assert found.faults == []
    assert found.lines[0].cells == {"kpi": "speed", "subject": "shop", "at": "2026-02-28", "value": "1,200", "count": "3"}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", (1, ""), "first line names the columns"),
        ("kpi,subject,at\nspeed,shop,2026-01-01", (1, "value"), "value is missing"),
        ("kpi,subject,at,value,colour\n", (1, "colour"), "No such column"),
        ("kpi,key,subject,at,value\n", (1, "key"), "Two columns say kpi"),
        ("kpi,subject,at,value\n", (1, ""), "no row"),
        ("kpi,subject,at,value\n\nspeed,shop,2026-01-01,1,200\n", (3, ""), "5 cells under 4 columns"),
        ('kpi,subject,at,value\nspeed,shop,2026-01-01,"1\n', (2, ""), "quotation marks"),
        (f"kpi,subject,at,value\nspeed,{'x' * 501},2026-01-01,1\n", (2, "subject"), "At most 500"),
        ("kpi,subject,at,value\n" + "speed,shop,2026-01-01,1\n" * (MOST_LINES + 1), (MOST_LINES + 2, ""), "At most 10,000"),
    ],
)
def test_the_place_of_what_is_wrong(text: str, place: tuple[int, str], words: str) -> None:
    fault = read(text).faults[0]
    assert (fault.line, fault.column) == place
    assert words in fault.detail


def test_a_row_over_two_lines_is_told_by_its_first() -> None:
    found = read('kpi,subject,at,value,note\na,b,c,d,"two\nlines"\ne,f,g,h,\n')
    assert [(line.number, line["note"]) for line in found.lines] == [(2, "two\nlines"), (4, "")]


def test_times_are_utc_unless_they_say_otherwise() -> None:
    times = ("2026-02-28", "2026-02-28 12:00", "2026-02-28T12:00+02:00")
    assert [moment(text).isoformat() for text in times] == [
        "2026-02-28T00:00:00+00:00", "2026-02-28T12:00:00+00:00", "2026-02-28T10:00:00+00:00",
    ]  # fmt: skip


def test_files_are_decoded_as_spreadsheets_save_them() -> None:
    assert [decode("µ".encode(name)) for name in ("utf-8", "utf-8-sig", "utf-16")] == ["µ"] * 3
    with pytest.raises(ValueError, match="CSV UTF-8"):
        decode("µ".encode("latin-1"))
