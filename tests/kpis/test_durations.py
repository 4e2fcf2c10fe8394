import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.durations import LONGEST_S, BadDuration, parse, text


@given(st.integers(1, LONGEST_S))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse(text(seconds)) == seconds


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("90s", 90), ("5m", 300), ("24h", 86400), ("24 hours", 86400), ("1h 30m", 5400), ("1h30min", 5400), ("2W", 1209600)],
)
def test_it_is_typed_as_people_do(typed: str, seconds: int) -> None:
    assert parse(typed) == seconds


@pytest.mark.parametrize("typed", ["", "5", "m", "5 parsecs", "-5m", "5m!", "0s", "1.5h", "99999999999999d", "11y"])
def test_what_is_no_length_of_time_is_refused(typed: str) -> None:
    with pytest.raises(BadDuration):
        parse(typed)


def test_the_shortest_notation() -> None:
    assert [text(seconds) for seconds in (90, 300, 86400, 5400, 2592000)] == ["1m 30s", "5m", "1d", "1h 30m", "30d"]
