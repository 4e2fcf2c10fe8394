"""The matrix of risks as numbers for SVG attributes."""

from __future__ import annotations

from roadmap.drawing.matrix import Cell, Placed, matrix

LEVELS = ((4, "low"), (9, "medium"), (16, "high"), (25, "critical"))


def test_matrix_has_25_cells_by_level() -> None:
    cells = matrix([], LEVELS).cells
    assert len(cells) == 25
    assert cells[0] == Cell(35, 257, 1, "low")
    assert {cell.score: cell.level for cell in cells if cell.score in (4, 5, 9, 10, 16, 20)} == {
        4: "low", 5: "medium", 9: "medium", 10: "high", 16: "high", 20: "critical",
    }  # fmt: skip


def test_matrix_moves_a_triggered_risk() -> None:
    drawn = matrix([Placed(text="R4", inherent=(3, 4), current=(5, 4), triggered=True)], LEVELS)
    assert [(dot.text, dot.kind, dot.x, dot.y) for dot in drawn.dots] == [
        ("R4", "inherent", 254.0, 107.0),
        ("R4", "triggered", 430.0, 107.0),
    ]
    assert (drawn.arrows[0].x1, drawn.arrows[0].x2, drawn.arrows[0].kind) == (266.0, 412.0, "triggered")


def test_matrix_keeps_a_risk_that_did_not_move_as_one_dot() -> None:
    drawn = matrix([Placed(text="R1", inherent=(3, 4), current=(3, 4))], LEVELS)
    assert ([dot.kind for dot in drawn.dots], drawn.arrows) == (["current"], ())


def test_matrix_sets_dots_of_one_cell_apart() -> None:
    risks = [Placed(text=f"R{n}", inherent=None, current=(2, 2)) for n in range(5)]
    xs = [dot.x for dot in matrix(risks, LEVELS).dots]
    assert len(set(xs)) == 5
    assert (min(xs), max(xs)) == (137.0, 195.0)
