"""Turning points of test curves: known curves, and no bias from choosing a minimum."""

import numpy as np

from tacit.measures.intervals import decide
from tacit.questions.shared.turning import rise_over_curves, rise_over_images, turned_at
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
    rise = rise_over_curves(falling, "nats")
    assert rise.value == 0
    assert decide(rise) == "undefined"


def test_a_rise_is_read_where_the_other_draws_were_lowest() -> None:
    draws = np.array([[valley(300), valley(300), valley(800)]])
    rise = rise_over_curves(draws, "nats")
    # Without the third draw the lowest is at 300, where the third is not; without one of the first
    # two the mean of 300 and 800 is lowest at 500 or 600 (a tie goes to the first).
    others = [valley(300) + valley(800), valley(300) + valley(800), 2 * valley(300)]
    expected = np.mean(
        [draws[0, d, -1] - draws[0, d, np.argmin(mean)] for d, mean in enumerate(others)]
    )
    assert np.isclose(rise.value, expected)


def test_flat_noise_shows_no_rise() -> None:
    """Read on the curve that chose it, a minimum lies below every later value."""
    rng = numpy_stream(1, "test")
    fair, naive = [], []
    for _ in range(200):
        noise = rng.normal(size=(1, 10, 10))
        fair.append(rise_over_curves(noise, "nats").value)
        naive.append(noise[0, :, -1].mean() - noise.mean(axis=(0, 1)).min())
    assert abs(np.mean(fair)) < 4 * np.std(fair) / np.sqrt(len(fair))
    assert np.mean(naive) > 0.3


def test_flat_noise_over_images_shows_no_rise_but_a_rise_is_seen() -> None:
    rng = numpy_stream(2, "test")
    fair = [
        rise_over_images(rng.normal(size=(5, 40)), numpy_stream(0, "b"), "nats").value or 0.0
        for _ in range(60)
    ]
    assert abs(np.mean(fair)) < 4 * np.std(fair) / np.sqrt(len(fair))
    loss = rng.normal(size=(1, 200)) + np.array([3.0, 1.0, 2.0])[:, None]
    loss += 0.1 * rng.normal(size=loss.shape)
    rise = rise_over_images(loss, numpy_stream(0, "b"), "nats")
    assert decide(rise) == "higher"
    assert rise.low is not None
    assert rise.high is not None
    assert rise.low < 1 < rise.high


def test_a_seed_is_read_where_the_other_seeds_were_lowest() -> None:
    seeds = np.array([[valley(200)], [valley(900)]])
    rise = rise_over_curves(seeds, "nats")
    assert np.isclose(
        rise.value,
        np.mean([valley(200)[-1] - valley(200)[8], valley(900)[-1] - valley(900)[1]]),
    )
