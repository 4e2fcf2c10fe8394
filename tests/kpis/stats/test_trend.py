import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis.stats.trend import Trend, forecast, trend


def test_line_is_found_exactly_and_outliers_do_not_bend_it() -> None:
    points = [(float(t), 100 - 2.0 * t) for t in range(30)]
    points[7] = (7.0, 10_000.0)
    found = trend(points)
    assert found is not None
    assert found.slope == pytest.approx(-2)
    assert found.last_value == pytest.approx(42)
    assert found.clear


def test_noise_has_no_clear_direction() -> None:
    found = trend([(float(t), 10 + (t * 7919 % 13)) for t in range(40)])
    assert found is not None
    assert not found.clear


def test_few_points_or_one_instant_have_no_trend() -> None:
    assert trend([(float(t), 1.0) for t in range(9)]) is None
    assert trend([(1.0, float(t)) for t in range(20)]) is None


LINE = Trend(slope=-2.0, low=-4.0, high=-1.0, last_t=29.0, last_value=42.0)


def test_forecast_lies_between_the_slopes_of_the_interval() -> None:
    found = forecast(LINE, 20.0, lower_is_better=True, met=False)
    assert (found.reached, found.expected, found.earliest, found.latest) == (True, 11.0, 5.5, 22.0)


@pytest.mark.parametrize(
    ("line", "target", "lower", "reached", "reason"),
    [
        (LINE, 50.0, True, True, "the trend’s level meets the target already"),
        (LINE, 60.0, False, False, "the trend leads away from the target"),
        (
            Trend(-2.0, -4.0, 1.0, 29.0, 42.0),
            20.0,
            True,
            False,
            "whether the target is reached cannot be told, as no direction is clear",
        ),
        (None, 20.0, True, False, "too few points for a trend"),
    ],
)
def test_forecast_says_why(line: Trend | None, target: float, lower: bool, reached: bool, reason: str) -> None:
    found = forecast(line, target, lower_is_better=lower, met=reached)
    assert (found.reached, found.reason) == (reached, reason)


@given(st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=60))
def test_slope_lies_in_its_interval(values: list[float]) -> None:
    found = trend([(float(t), value) for t, value in enumerate(values)])
    assert found is not None
    assert found.low <= found.slope <= found.high
