"""Intervals against scipy, closed forms and simulation: a 95 % interval covers 95 %."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from tacit.measures.engine import Measured
from tacit.measures.intervals import (
    SMALLEST_SPREAD,
    bootstrap_mean,
    crossed,
    crossed_difference,
    decide,
    holm,
    mean_t,
    paired,
    proportion,
    stratified_difference,
    welch,
    welch_p,
)
from tacit.measures.number import Number


def coverage(draw: Callable[[np.random.Generator], Number], truth: float, repeats: int) -> float:
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(repeats):
        number = draw(rng)
        assert number.low is not None
        assert number.high is not None
        inside += number.low <= truth <= number.high
    return inside / repeats


def test_mean_t_is_scipys_interval() -> None:
    x = np.array([1.0, 4.0, 2.0, 8.0])
    number = mean_t(x, over="seeds", unit="nats")
    low, high = stats.t.interval(0.95, 3, loc=x.mean(), scale=stats.sem(x))
    assert (number.low, number.high) == pytest.approx((low, high), rel=1e-12)
    assert (number.value, number.n, number.unit) == (3.75, 4, "nats")
    assert number.interval == "95 % t over 4 seeds"


def test_welch_is_scipys_interval() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 12), rng.normal(0, 4, 30)
    test = stats.ttest_ind(a, b, equal_var=False)
    ends = test.confidence_interval(0.95)
    number = welch(a, b, over="images", given="this model")
    assert (number.low, number.high) == pytest.approx((ends.low, ends.high), rel=1e-10)
    assert welch_p(a, b) == pytest.approx(test.pvalue, rel=1e-10)
    assert number.interval == "95 % Welch t over 42 images, given this model"


def test_paired_is_the_mean_of_differences() -> None:
    a, b = np.array([5.0, 7.0, 9.0]), np.array([4.0, 6.5, 7.0])
    number, plain = paired(a, b), mean_t(a - b)
    assert (number.value, number.low, number.high) == (plain.value, plain.low, plain.high)
    assert number.interval == "95 % t over 3 seeds, paired"


def test_crossed_is_the_engines_number() -> None:
    table = np.array([[1.0, 3.0], [2.0, 6.0], [4.0, 5.0]])
    assert crossed(table) == Measured(table, ("seed", "draw")).mean()
    other = np.array([[0.0, 1.5], [4.5, 7.0], [2.0, 2.5]])
    assert (
        crossed_difference(table, other)
        == (Measured(table, ("seed", "draw")) - Measured(other, ("seed", "draw"))).mean()
    )
    assert crossed([[1.0]]).low is None


def test_stratified_difference_by_hand() -> None:
    a, b = np.array([10.0, 12, 14, 50, 54]), np.array([9.0, 10, 40, 42, 47])
    a_class, b_class = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 1])
    number = stratified_difference(a, a_class, b, b_class)
    assert number.value == pytest.approx(((12 - 9.5) + (52 - 43)) / 2)
    cells = [(4.0, 3), (8.0, 2), (0.5, 2), (13.0, 3)]
    parts = [0.25 * s2 / n for s2, n in cells]
    freedom = sum(parts) ** 2 / sum(p**2 / (n - 1) for p, (_, n) in zip(parts, cells, strict=True))
    half = stats.t.ppf(0.975, freedom) * np.sqrt(sum(parts))
    assert number.high - number.value == pytest.approx(half)  # type: ignore[operator]


def test_stratifying_takes_the_spread_between_classes_out() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(10), 50)
    a = 100.0 * classes + rng.normal(0.5, 1, 500)
    b = 100.0 * classes + rng.normal(0.0, 1, 500)
    assert decide(stratified_difference(a, classes, b, classes)) == "higher"
    assert decide(welch(a, b)) == "not distinguishable"


def test_proportion_is_wilsons_and_never_of_zero_width() -> None:
    number = proportion([True] * 8 + [False] * 2)
    p, n, z = 0.8, 10, stats.norm.ppf(0.975)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (number.low, number.high) == pytest.approx((centre - half, centre + half))
    everyone = proportion([True] * 10)
    assert everyone.high == 1.0
    assert everyone.low == pytest.approx(1 / (1 + z**2 / n))
    with pytest.raises(ValueError, match="True and False"):
        proportion([0.5])


def test_holm_by_hand_and_order() -> None:
    assert holm([0.01, 0.02, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


@pytest.mark.parametrize(
    ("name", "draw", "truth"),
    [
        ("t over three seeds", lambda rng: mean_t(rng.normal(2, 3, 3)), 2.0),
        ("welch", lambda rng: welch(rng.normal(1, 1, 8), rng.normal(0, 5, 15)), 1.0),
        (
            "stratified",
            lambda rng: stratified_difference(
                rng.normal(np.repeat([0.0, 50.0], [6, 9]), 2),
                np.repeat([0, 1], [6, 9]),
                rng.normal(np.repeat([-1.0, 48.0], 12), 4),
                np.repeat([0, 1], 12),
            ),
            1.5,
        ),
        ("wilson", lambda rng: proportion(rng.random(60) < 0.9), 0.9),
    ],
)
def test_coverage(name: str, draw: Callable[[np.random.Generator], Number], truth: float) -> None:
    assert 0.93 <= coverage(draw, truth, 1500) <= 0.97, name


@pytest.mark.parametrize(
    ("name", "sample", "truth"),
    [
        ("normal, 20", lambda rng: rng.normal(0, 1, 20), 0.0),
        ("skewed as log p is, 100", lambda rng: -rng.gamma(2.0, 10.0, 100), -20.0),
    ],
)
def test_bootstrap_covers(
    name: str, sample: Callable[[np.random.Generator], np.ndarray], truth: float
) -> None:
    found = coverage(lambda rng: bootstrap_mean(sample(rng), rng, resamples=1000), truth, 1000)
    assert 0.93 <= found <= 0.97, name


def test_bootstrap_follows_the_skew_and_the_generator() -> None:
    x = np.random.default_rng(3).exponential(1.0, 200)
    first = bootstrap_mean(x, np.random.default_rng(0))
    assert first == bootstrap_mean(x, np.random.default_rng(0))
    assert first.value is not None
    assert first.low is not None
    assert first.high is not None
    assert first.high - first.value > first.value - first.low  # the long tail's side is longer
    half = (mean_t(x).high or 0) - first.value
    assert (first.high - first.low) / 2 == pytest.approx(half, rel=0.1)


FLAT = np.array([0.1] * 3)


@pytest.mark.parametrize(
    ("number", "reason", "has_value"),
    [
        (mean_t([]), "no seeds", False),
        (mean_t([2.0]), "n = 1, no spread between seeds", True),
        (mean_t(FLAT), "no spread between the 3 seeds", True),
        (mean_t([1.0, np.nan, np.inf]), "values of 2 of 3 seeds are not finite", False),
        (paired([0.3, 0.7], [0.1, 0.5]), "no spread between the 2 seeds, paired", True),
        (crossed([[1.0, 1.0], [1.0, 1.0]]), "no spread between the 2 seeds × 2 draws", True),
        (crossed([[1.0, 1.0]]), "no spread between the 2 draws", True),
        (bootstrap_mean(np.arange(5.0), np.random.default_rng(0)), "too few to resample", True),
        (bootstrap_mean(np.ones(50), np.random.default_rng(0)), "no spread", True),
        (welch([1.0], [1.0, 2.0]), "n = 1", True),
        (welch([], [1.0, 2.0]), "no images", False),
        (welch(FLAT, FLAT + 1), "no spread between the 6 images", True),
        (welch([np.nan, 1.0], FLAT), "not finite", False),
        (stratified_difference(FLAT, [0, 0, 1], FLAT, [0, 0, 2]), "no images", False),
        (stratified_difference([], np.zeros(0, int), [], np.zeros(0, int)), "no images", False),
        (proportion([]), "no images", False),
    ],
)
def test_undefined_says_why_and_is_never_of_zero_width(
    number: Number, reason: str, has_value: bool
) -> None:
    assert number.low is None
    assert number.high is None
    assert number.interval.startswith("undefined: ")
    assert reason in number.interval
    assert (number.value is not None) == has_value
    assert decide(number) == "undefined"


def test_an_accuracy_is_between_none_and_all() -> None:
    high = mean_t([0.99, 1.0, 1.0], unit="accuracy")
    assert high.high == 1.0
    assert high.low == mean_t([0.99, 1.0, 1.0]).low
    low = crossed([[0.0, 0.02], [0.0, 0.0]], unit="accuracy")
    assert 0 <= (low.low or 0) < 0.005 < (low.high or 0) < 1
    assert (mean_t([0.99, 1.0, 1.0]).high or 0) > 1  # a number of no unit may be anything


def test_decide() -> None:
    assert decide(Number(1.0, 0.5, 1.5)) == "higher"
    assert decide(Number(-1.0, -1.5, -0.5)) == "lower"
    assert decide(Number(1.0, -0.5, 2.5)) == "not distinguishable"


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("(2, 2); one value per unit")):
        mean_t([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match="shapes differ"):
        paired([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="seeds × draws"):
        crossed([1.0, 2.0])


@pytest.mark.parametrize("size", [1e-140, 1e-160, 1e-300])
def test_tiny_values_give_a_proper_interval_or_a_reason(size: float) -> None:
    values = [size * k for k in range(30)]
    for number in (mean_t(values), bootstrap_mean(values, np.random.default_rng(0))):
        if size < SMALLEST_SPREAD:
            assert number.interval.startswith("undefined: no spread between the 30 ")
        else:
            assert number.low is not None
            assert number.high is not None
            assert number.low < values[15] < number.high


@example([0.0, 9.461015280617287e-174])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=0, max_size=30))
def test_any_values_give_a_proper_interval_or_a_reason(values: list[float]) -> None:
    for number in (
        mean_t(values),
        welch(values, values[::2]),
        paired(values, values[::-1]),
        bootstrap_mean(values, np.random.default_rng(0), resamples=50),
    ):
        if number.low is None or number.high is None:
            assert number.interval.startswith("undefined: ")
        else:
            assert number.low < number.high


def test_bootstrap_is_scipys_bca_but_for_the_widened_levels() -> None:
    x = np.random.default_rng(3).exponential(1.0, 200)
    number = bootstrap_mean(x, np.random.default_rng(0), resamples=20000)
    scipys = stats.bootstrap(
        (x,), np.mean, n_resamples=20000, rng=np.random.default_rng(1), batch=1000
    ).confidence_interval
    # t for 199 degrees of freedom and √(n / (n - 1)) are 0.9 % wider than normal levels.
    assert (number.low, number.high) == pytest.approx((scipys.low, scipys.high), abs=0.006)
