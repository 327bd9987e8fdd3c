"""Numbers of images, against scipy and slow loops."""

import numpy as np
import pytest
from scipy import stats

from tacit.measures.images import (
    gaussian_log_prob,
    mean_intensity,
    nearest,
    squared_error,
    within_class_variance,
)
from tacit.measures.number import Undefined

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 1, 3, 3), dtype=np.uint8)
CLASSES = np.tile([0, 1, 2], 4)


def test_bytes_and_fractions_are_the_same_images() -> None:
    fractions = PIXELS / 255
    assert mean_intensity(PIXELS) == pytest.approx(mean_intensity(fractions))
    assert mean_intensity(np.ones((2, 4, 4))).tolist() == [1.0, 1.0]
    assert within_class_variance(PIXELS, CLASSES) == pytest.approx(
        [fractions[c == CLASSES].var(axis=0, ddof=1).sum() for c in range(3)]
    )


def test_gaussian_log_prob_holds_its_constants() -> None:
    means = np.stack([PIXELS[c == CLASSES].mean(axis=0).ravel() / 255 for c in range(3)])
    found = gaussian_log_prob(PIXELS, means[CLASSES], 0.2)
    flat = (PIXELS / 255).reshape(12, -1)
    expected = stats.norm.logpdf(flat, means[CLASSES], 0.2).sum(axis=1)
    assert found == pytest.approx(expected)
    # An image that equals its centre has the most that 784 pixels at σ 0.2 can have.
    blank = np.zeros((1, 1, 28, 28))
    assert gaussian_log_prob(blank, np.zeros(784), 0.2)[0] == pytest.approx(541.35, abs=0.01)


def test_a_variance_needs_two_images() -> None:
    with pytest.raises(Undefined, match="class 0 has one image"):
        within_class_variance(PIXELS[:1], CLASSES[:1])


def test_nearest_equals_a_slow_loop_across_portions() -> None:
    training = RNG.integers(0, 256, (4200, 3, 3), dtype=np.uint8)
    training[4100] = PIXELS[2, 0]
    rows, squared = nearest(PIXELS.reshape(12, 3, 3), training)
    for i, image in enumerate(PIXELS.reshape(12, 3, 3)):
        distance = (((training / 255) - image / 255) ** 2).sum(axis=(1, 2))
        assert rows[i] == distance.argmin()
        assert squared[i] == pytest.approx(distance.min())
    assert (rows[2], squared[2]) == (4100, 0.0)


def test_squared_error_sums_over_pixels() -> None:
    x, y = np.zeros((2, 1, 2, 2)), np.stack([np.full((1, 2, 2), 0.5), np.zeros((1, 2, 2))])
    assert squared_error(x, y).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="`outputs`"):
        squared_error(x, y[:1])
    with pytest.raises(ValueError, match="at least one image"):
        mean_intensity(np.zeros((0, 2, 2)))
