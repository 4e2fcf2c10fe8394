import pytest

from roadmap import document
from roadmap.document import Malformed
from tests.roadmap.factories import source

HEAD = {"format": "milepost-roadmap/1", "roadmap": {"slug": "p", "name": "P"}, "scorecard": {"slug": "s", "kpis": [{"key": "k"}]}}


def test_written_document_reads_back() -> None:
    assert document.read(document.write(source())) == source()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"format": "milepost-roadmap/9"}, "$.format"),
        ({"surprise": 1}, "$"),
        ({"roadmap": {"slug": "p"}}, "$.roadmap"),
        ({"phases": [{"number": 1, "name": "A", "week_from": 3, "week_to": 2}]}, "$.phases[0].week_to"),
        ({"phases": [{"number": 1, "name": "A", "week_from": "x", "week_to": 2}]}, "$.phases[0].week_from"),
        ({"risks": [{"key": "r", "title": "R", "likelihood": 6}]}, "$.risks[0].likelihood"),
        ({"risks": [{"key": "r", "title": "R", "triggers": [{"kpi": "x"}]}]}, "$.risks[0].triggers[0].kpi"),
        ({"costs": [{"key": "c", "name": "C", "kind": "yearly"}]}, "$.costs[0].kind"),
        ({"costs": [{"key": "c", "name": "C", "kind": "monthly"}] * 2}, "$.costs[1].key"),
    ],
)
def test_bad_document_says_where(change: dict[str, object], path: str) -> None:
    with pytest.raises(Malformed) as malformed:
        document.parse({**HEAD, **change})
    assert malformed.value.path == path


@pytest.mark.parametrize("text", ["a: [", "", "- 1", "just words"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        document.read(text)


def test_times_need_a_zone() -> None:
    task = {"key": "t", "title": "T", "state_changed_at": "2026-11-19T10:00:00"}
    with pytest.raises(Malformed, match="time with its offset"):
        document.parse({**HEAD, "phases": [{"number": 1, "name": "A", "week_from": 1, "week_to": 2, "tasks": [task]}]})
