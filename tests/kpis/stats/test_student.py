import pytest

from kpis.stats.student import t_quantile, t_two_sided_p


# Critical values from the usual printed table of Student's t.
@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [(0.975, 1, 12.706), (0.975, 5, 2.571), (0.995, 10, 3.169), (0.95, 30, 1.697), (0.9995, 4, 8.610), (0.975, 1000, 1.962)],
)
def test_quantile_agrees_with_the_table(probability: float, freedom: float, expected: float) -> None:
    assert round(t_quantile(probability, freedom), 3) == expected
    assert t_two_sided_p(t_quantile(probability, freedom), freedom) == pytest.approx(2 * (1 - probability))
    assert t_quantile(1 - probability, freedom) == -t_quantile(probability, freedom)


def test_prediction_bound_of_continuous_benchmarks() -> None:
    # n = 25, mean 100, s 10, boundary 0.977: the worked example of a t-test threshold, 121.46
    assert 100 + t_quantile(0.977, 24) * 10 * (1 + 1 / 25) ** 0.5 == pytest.approx(121.46, abs=0.05)


def test_zero_is_no_evidence() -> None:
    assert t_two_sided_p(0.0, 7) == 1.0


@pytest.mark.parametrize("probability", [0, 1, -0.1, 2])
def test_probability_outside_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_quantile(probability, 3)
