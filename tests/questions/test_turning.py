"""Turning points of test curves: known curves."""

import numpy as np

from tacit.questions.shared.turning import turned_at
from tacit.streams import numpy_stream

UPDATE = np.arange(1, 11) * 100.0


def valley(lowest: float, depth: float = 1.0) -> np.ndarray:
    """A curve over UPDATE that is lowest at the given update."""
    return depth * ((UPDATE - lowest) / 1000) ** 2


def test_the_turn_is_the_minimum_of_the_mean_curve() -> None:
    rng = numpy_stream(0, "test")
    draws = np.array([[valley(lowest) for lowest in (300, 300, 400, 400, 400, 500)]])
    found = turned_at(UPDATE, draws, rng)
    assert found.value == UPDATE[draws.mean(axis=(0, 1)).argmin()] == 400
    assert found.low is not None
    assert found.high is not None
    # Resampled draws agree within one evaluation or so; the ends reach to the neighbouring ones.
    assert 200 <= found.low <= 300
    assert 500 <= found.high <= 600
    assert found.interval.startswith("95 % bootstrap over 6 draws")


def test_equal_draws_still_leave_the_distance_between_evaluations() -> None:
    found = turned_at(UPDATE, np.tile(valley(400), (3, 8, 1)), numpy_stream(0, "test"))
    assert (found.low, found.value, found.high) == (300, 400, 500)
    assert "8 draws × 3 seeds" in found.interval


def test_few_curves_give_the_earliest_and_latest_minimum() -> None:
    found = turned_at(
        UPDATE, np.array([[valley(300)], [valley(300)], [valley(600)]]), numpy_stream(0, "test")
    )
    assert (found.low, found.high) == (200, 700)
    assert "no confidence interval" in found.interval


def test_one_curve_has_a_turn_but_no_interval() -> None:
    found = turned_at(UPDATE, valley(200)[None, None], numpy_stream(0, "test"))
    assert found.value == 200
    assert found.low is None
    assert "100 and 300" in found.interval


def test_a_curve_that_still_falls_has_not_turned() -> None:
    falling = np.tile(valley(5000), (1, 10, 1))
    found = turned_at(UPDATE, falling, numpy_stream(0, "test"))
    assert found.value is None
    assert "lowest at the last evaluation, update 1,000" in found.interval
