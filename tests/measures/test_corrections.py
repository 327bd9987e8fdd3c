"""One method against each of the others: intervals that hold together, p-values that agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.measures.corrections import Comparison, compare
from tacit.measures.engine import Measured


def against_each(first: np.ndarray, others: dict[str, np.ndarray]) -> dict[str, Comparison]:
    """One method against each of the others, by seed and draw."""

    def table(values: np.ndarray) -> Measured:
        return Measured(values, ("seed", "draw"))

    return compare({name: table(first) - table(other) for name, other in others.items()})


@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(2, 8), st.integers(1, 6))
def test_p_values_and_intervals_agree(seed: int, seeds: int, draws: int, others: int) -> None:
    rng = np.random.default_rng(seed)
    first, *rest = rng.standard_normal((1 + others, seeds, draws))
    found = against_each(first, {str(k): other + rng.normal() for k, other in enumerate(rest)})
    for one in found.values():
        assert (one.adjusted < 0.05) == one.difference.excludes_zero


def test_one_of_many_has_to_be_clearer_than_one_alone() -> None:
    rng = np.random.default_rng(0)
    best = 0.9 + 0.01 * rng.standard_normal((1, 6))
    near = best - 0.012 + 0.01 * rng.standard_normal((1, 6))
    alone = against_each(best, {"near": near})
    assert alone["near"].p_value == alone["near"].adjusted
    assert alone["near"].verdict == "higher"
    others = {f"alike-{k}": best + 0.01 * rng.standard_normal((1, 6)) for k in range(10)}
    among = against_each(best, {"near": near, **others})
    assert among["near"].p_value == alone["near"].p_value
    assert among["near"].adjusted > alone["near"].adjusted
    assert among["near"].verdict == "not distinguishable"


def test_verdicts_both_ways() -> None:
    rng = np.random.default_rng(1)
    best = 0.5 + 0.01 * rng.standard_normal((3, 4))
    found = against_each(
        best,
        {
            "worse": best - 0.3 - 0.01 * rng.random((3, 1)),
            "better": best + 0.2 + 0.01 * rng.random((3, 1)),
        },
    )
    assert found["worse"].verdict == "higher"
    assert found["better"].verdict == "lower"
    assert against_each(best, {}) == {}


def test_few_false_discoveries_where_all_are_alike() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        first, *others = rng.standard_normal((7, 1, 6))
        found = against_each(first, {str(k): other for k, other in enumerate(others)})
        wrong += any(c.verdict in ("higher", "lower") for c in found.values())
    assert wrong / 200 < 0.08


@pytest.mark.parametrize("values", [np.full((1, 4), 0.3), np.full((1, 1), 0.3)])
def test_without_spread_nothing_is_decided(values: np.ndarray) -> None:
    (found,) = against_each(values + 0.5, {"other": values}).values()
    assert found.verdict == "undefined"
    assert (found.p_value, found.adjusted) == (1.0, 1.0)
    assert found.difference.value == pytest.approx(0.5)
