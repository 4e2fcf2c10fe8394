from hypothesis import given
from hypothesis import strategies as st

from kpis.reductions import raw_figure, reduction

figures = st.floats(0.001, 1e9)


@given(raw=figures, reference=figures)
def test_a_reduction_gives_the_raw_figure_back(raw: float, reference: float) -> None:
    share = reduction(raw, reference=reference, unit="ratio")
    assert abs(raw_figure(share, reference=reference, unit="ratio") - raw) <= 1e-9 * max(raw, reference)
    assert abs(reduction(raw, reference=reference, unit="%") - share * 100) <= 1e-9 * max(1.0, abs(share) * 100)


def test_nothing_less_is_no_reduction_and_more_is_negative() -> None:
    assert [reduction(raw, reference=40, unit="%") for raw in (40, 30, 0, 50)] == [0, 25, 100, -25]
