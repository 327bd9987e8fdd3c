"""Intervals against scipy, closed forms and simulation: a 95 % interval covers 95 %."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from tacit.measures.intervals import (
    SMALLEST_SPREAD,
    decide,
    mean_t,
    paired,
    proportion,
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


def test_paired_is_the_mean_of_differences() -> None:
    a, b = np.array([5.0, 7.0, 9.0]), np.array([4.0, 6.5, 7.0])
    number, plain = paired(a, b), mean_t(a - b)
    assert (number.value, number.low, number.high) == (plain.value, plain.low, plain.high)
    assert number.interval == "95 % t over 3 seeds, paired"


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


@pytest.mark.parametrize(
    ("name", "draw", "truth"),
    [
        ("t over three seeds", lambda rng: mean_t(rng.normal(2, 3, 3)), 2.0),
        ("wilson", lambda rng: proportion(rng.random(60) < 0.9), 0.9),
    ],
)
def test_coverage(name: str, draw: Callable[[np.random.Generator], Number], truth: float) -> None:
    assert 0.93 <= coverage(draw, truth, 1500) <= 0.97, name


FLAT = np.array([0.1] * 3)


@pytest.mark.parametrize(
    ("number", "reason", "has_value"),
    [
        (mean_t([]), "no seeds", False),
        (mean_t([2.0]), "n = 1, no spread between seeds", True),
        (mean_t(FLAT), "no spread between the 3 seeds", True),
        (mean_t([1.0, np.nan, np.inf]), "values of 2 of 3 seeds are not finite", False),
        (paired([0.3, 0.7], [0.1, 0.5]), "no spread between the 2 seeds, paired", True),
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


@pytest.mark.parametrize("size", [1e-140, 1e-160, 1e-300])
def test_tiny_values_give_a_proper_interval_or_a_reason(size: float) -> None:
    values = [size * k for k in range(30)]
    number = mean_t(values)
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
        paired(values, values[::-1]),
    ):
        if number.low is None or number.high is None:
            assert number.interval.startswith("undefined: ")
        else:
            assert number.low < number.high
