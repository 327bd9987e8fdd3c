"""Label efficiency where the answer is known, its interval by simulation, censoring."""

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import ArrayLike

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.label_efficiency import LabelEfficiency, label_efficiency

BUDGETS = np.array([10.0, 30.0, 100.0, 300.0, 1000.0])


def efficiency(labels: ArrayLike, base: Floats, method: Floats, at: float) -> LabelEfficiency:
    """From tables of seeds × draws, (B, S, D) and (S, D)."""
    both = ("seed", "draw")
    return label_efficiency(labels, [Measured(b, both) for b in base], Measured(method, both), at)


def curve(draws: int = 5, noise: float = 0.0, seed: int = 0, seeds: int = 1) -> np.ndarray:
    """Accuracy that rises by 0.1 with each factor of e, (B, S, D)."""
    rng = np.random.default_rng(seed)
    mean = 0.2 + 0.1 * np.log(BUDGETS / 10)
    return mean[:, None, None] + noise * rng.standard_normal((len(mean), seeds, draws))


@pytest.mark.parametrize("factor", [1.5, 3.0, 10.0, 20.0])
def test_the_factor_is_where_the_baseline_has_the_methods_accuracy(factor: float) -> None:
    method = np.full((1, 5), 0.2 + 0.1 * math.log(50 * factor / 10))
    found = efficiency(BUDGETS, curve(), method, at=50.0)
    # Between budgets the curve is linear in the logarithm, as it is here everywhere.
    assert found.factor == pytest.approx(factor, rel=1e-9)
    assert not found.censored
    assert found.low is None
    assert "no spread" in found.number().interval


def test_what_lies_beyond_the_curve_is_censored() -> None:
    rng = np.random.default_rng(1)
    base = curve(noise=0.005)
    high = efficiency(BUDGETS, base, 0.9 + 0.005 * rng.standard_normal((1, 5)), at=100.0)
    assert high.factor == high.low == high.high == math.inf
    assert high.words() == "more than 10 times"
    number = high.number()
    assert (number.value, number.low, number.high) == (None, None, None)
    assert "value more than 10" in number.interval
    low = efficiency(BUDGETS, base, 0.1 + 0.005 * rng.standard_normal((1, 5)), at=100.0)
    assert low.factor == 0
    assert low.censored
    assert low.words() == "fewer than 0.1 times"


def test_an_interval_may_be_open_where_the_estimate_is_not() -> None:
    base = curve(noise=0.04, seed=3)
    method = base[-1] - 0.02 + 0.04 * np.random.default_rng(2).standard_normal((1, 5))
    found = efficiency(BUDGETS, base, method, at=100.0)
    assert math.isfinite(found.factor)
    assert found.high == math.inf
    assert "to more than 10)" in found.words()
    number = found.number()
    assert number.value == found.factor
    assert number.low is not None
    assert number.high is None
    assert "high more than 10" in number.interval


def test_a_method_at_the_first_budgets_own_accuracy_needs_no_fewer() -> None:
    base = curve()
    found = efficiency(BUDGETS, base, base[0], at=10.0)
    assert found.factor == pytest.approx(1.0)


def test_the_curve_may_have_one_budget() -> None:
    rng = np.random.default_rng(0)
    base = 0.5 + 0.01 * rng.standard_normal((1, 1, 5))
    assert efficiency([10.0], base, base[0] + 0.2, at=10.0).factor == math.inf
    assert efficiency([10.0], base, base[0] - 0.2, at=10.0).factor == 0


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_covers_the_factor(seeds: int) -> None:
    """A draw is the same in all seeds: leaving draws out, three seeds covered 34 to 50 %."""
    inside = 0
    for repeat in range(150):
        rng = np.random.default_rng(repeat)
        # What a draw is worth is shared by the baseline's budgets (they are nested), and by half
        # with the method.
        shared = 0.02 * rng.standard_normal((1, 8))
        base = curve(draws=8, noise=0.005, seed=1000 + repeat, seeds=seeds) + shared
        method = 0.2 + 0.1 * math.log(15) + 0.5 * shared
        method = method + 0.005 * rng.standard_normal((seeds, 8))
        found = efficiency(BUDGETS, base, method, at=50.0)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 3.0 <= found.high
    assert 0.90 <= inside / 150 <= 0.99


def test_more_labels_never_make_the_estimate_smaller() -> None:
    base = curve(noise=0.02, seed=5)
    found = [
        efficiency(BUDGETS, base, np.full((1, 5), accuracy), at=100.0).factor
        for accuracy in np.linspace(0.1, 0.9, 30)
    ]
    assert all(a <= b for a, b in pairwise(found))


def test_words_of_open_ends() -> None:
    assert LabelEfficiency(3.14, 2.2, 5.0, 0.1, 10.0, 5, "").words() == "3.1 times (2.2 to 5)"
    assert (
        LabelEfficiency(3.14, 0.0, 5.0, 0.1, 10.0, 5, "").words()
        == "3.1 times (fewer than 0.1 to 5)"
    )
    assert (
        LabelEfficiency(0.0, 0.0, 0.5, 0.1, 10.0, 5, "").words()
        == "fewer than 0.1 times (fewer than 0.1 to 0.5)"
    )
    assert LabelEfficiency(2.0, None, None, 0.1, 10.0, 1, "").words() == "2 times"


def test_what_does_not_match_is_refused() -> None:
    with pytest.raises(ValueError, match="the other 5: pairs need the same"):
        efficiency(BUDGETS, curve(draws=4), np.zeros((1, 5)), at=10.0)
    with pytest.raises(ValueError, match="5 budgets and 4 accuracies"):
        efficiency(BUDGETS, curve()[:4], np.zeros((1, 5)), at=10.0)
    with pytest.raises(ValueError, match="budgets rise"):
        efficiency(BUDGETS[::-1], curve(), np.zeros((1, 5)), at=10.0)
