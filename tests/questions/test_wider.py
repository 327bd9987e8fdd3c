"""One number from several seeds: it counts only where images and seeds both say so."""

import numpy as np
import pytest

from tacit.measures.intervals import decide, mean_t
from tacit.measures.number import Number, undefined
from tacit.questions.shared.wider import magnitude, wider


def over_images(mean: float, half: float) -> Number:
    return Number(mean, mean - half, mean + half, 100, "nats", "95 % t over 100 images")


def test_one_seed_leaves_the_interval_over_images() -> None:
    number = over_images(1, 0.5)
    assert wider(number, [1.0]) is number


def test_seeds_that_disagree_undo_what_images_say() -> None:
    number = wider(over_images(1, 0.5), [-1.0, 1.0, 3.0])
    assert number.n == 3
    assert number.interval == "95 % t over 3 seeds, given these images"
    assert decide(number) == "not distinguishable"


def test_images_that_disagree_undo_what_seeds_say() -> None:
    seeds = [0.99, 1.0, 1.01]
    assert decide(mean_t(seeds)) == "higher"
    number = wider(over_images(1, 1.5), seeds)
    assert number.n == 100
    assert decide(number) == "not distinguishable"


def test_a_difference_that_both_see_stands() -> None:
    assert decide(wider(over_images(-1, 0.5), [-0.9, -1.0, -1.1])) == "lower"


def test_an_undefined_interval_gives_way_to_a_defined_one() -> None:
    few = undefined("2 images are too few to resample", value=2.0, n=2, unit="nats")
    assert wider(few, [1.0, 2.0, 3.0]).n == 3
    assert wider(few, [2.0]) is few
    same_seeds = np.full(3, 1.0)
    assert wider(over_images(1, 0.5), same_seeds).n == 100


@pytest.mark.parametrize(
    ("mean", "said"), [(-2.0, "2.0 nats (1.0 to 3.0)"), (2.0, "2.0 nats (1.0 to 3.0)")]
)
def test_a_magnitude_has_no_sign(mean: float, said: str) -> None:
    assert magnitude(over_images(mean, 1)) == said
