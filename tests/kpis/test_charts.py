from datetime import UTC, datetime, timedelta

from kpis.charts import Course, Held, chart, ms, with_gaps

START = datetime(2026, 3, 2, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_no_data_is_never_bridged() -> None:
    assert with_gaps([(at(0), 1), (at(1), 2), (at(9), 3)], 60) == [
        (ms(at(0)), 1), (ms(at(1)), 2), (ms(at(1)) + 1, None), (ms(at(9)), 3),
    ]  # fmt: skip


def drawn(courses: list[Course], held: list[Held]) -> dict:
    return chart(courses, held, [(at(-5), at(5))], unit="ms", words=("target", "alert"), start=at(0), end=at(60))


def test_a_target_line_steps_where_a_version_changed() -> None:
    held = [Held(at(0), at(20), 1, 600, None), Held(at(20), at(60), 2, 500, 1000)]
    found = drawn([Course("orders", "orders", [(at(1), 588.0)])], held)
    assert found["lines"][0]["points"] == [(ms(at(0)), 600), (ms(at(20)), 600), (ms(at(20)), 500), (ms(at(60)), 500)]
    assert found["lines"][1]["points"] == [(ms(at(0)), None), (ms(at(20)), None), (ms(at(20)), 1000), (ms(at(60)), 1000)]
    assert found["moments"] == [{"at": ms(at(20)), "label": "target v2"}]
    assert found["bands"] == [{"from": ms(at(0)), "to": ms(at(5)), "label": "waived"}]


def test_what_was_never_stated_has_no_line() -> None:
    assert [line["kind"] for line in drawn([], [Held(at(0), at(60), 1, 600, None)])["lines"]] == ["target"]


def test_points_that_stand_regularly_apart_are_joined() -> None:
    course = Course("a", "a", [(at(hours * 360), 1.0) for hours in range(4)], step_s=3600)
    assert [value for _, value in drawn([course], [])["series"][0]["points"]] == [1, 1, 1, 1]


def test_silences_are_bands_and_alerts_are_moments() -> None:
    words = ("target", "alert")
    found = chart([], [], [], unit="ms", words=words, start=at(0), end=at(60), silenced=[(at(50), at(90))], fired=[at(7)])
    assert found["bands"] == [{"from": ms(at(50)), "to": ms(at(60)), "label": "silenced"}]
    assert found["moments"] == [{"at": ms(at(7)), "label": "alert fired"}]
