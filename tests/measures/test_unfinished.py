"""Had training finished: noise is no fall, however it is correlated, and a fall is found."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from tacit.measures.unfinished import NOTABLE, still_falling, unfinished

TIME = np.arange(300)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_a_loss_that_has_come_to_rest_is_rarely_called_unfinished(correlation: float) -> None:
    random = np.random.default_rng(0)
    shocks = 0.2 * random.normal(size=(1000, 300))
    noise = lfilter([1.0], [1.0, -correlation], shocks)
    called = [still_falling(np.exp(-TIME / 20) + each)[1] for each in noise]
    # Without what is done about correlation, 20 % of the losses at 0.8.
    assert np.mean(called) < 0.045


@pytest.mark.parametrize(("scale", "falls"), [(200, True), (30, False)])
def test_a_loss_that_still_falls_is_called_so(scale: float, falls: bool) -> None:
    random = np.random.default_rng(0)
    loss = np.exp(-TIME / scale) + 0.01 * random.normal(size=300)
    assert still_falling(loss)[1] == falls


def test_most_seeds_decide_and_few_updates_tell_nothing() -> None:
    done, falling = np.exp(-TIME / 20), np.exp(-TIME / 300)
    assert unfinished([done, falling]) is None
    found = unfinished([done, falling, falling])
    assert found is not None
    assert found.share == pytest.approx(still_falling(falling)[0])
    few = unfinished([[3.0, 2.0]])
    assert few is not None
    assert (few.share, few.times) == (1.0, None)


@pytest.mark.parametrize("fall", [lambda t: 1 / (1 + t / 90), lambda t: np.exp(-t / 110)])
def test_so_many_times_the_updates_are_enough(fall: Callable[[np.ndarray], np.ndarray]) -> None:
    found = unfinished([fall(TIME)])
    assert found is not None
    assert found.times is not None
    assert found.times > 1.02
    after = still_falling(fall(np.arange(round(300 * found.times))))[0]
    assert 0.6 * NOTABLE < after < 1.1 * NOTABLE


def test_a_fall_that_does_not_slow_has_no_end_in_sight() -> None:
    found = unfinished([1000.0 - TIME])
    assert found is not None
    assert found.times is None
