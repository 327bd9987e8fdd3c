"""Distances of sets of images to test images: bracketed, equal n, and paired where rows belong."""

import numpy as np
import pytest
import torch
from torch import nn

from tacit.images.dataset import Images
from tacit.questions.base import Runs
from tacit.questions.shared.sample_quality import (
    RANDOM,
    TRAINING,
    Distance,
    Examined,
    Features,
    Qualities,
    Quality,
    SampleQuality,
    no_better_than_one_class,
    random_network,
)
from tacit.questions.shared.seeds import Seeds
from tacit.streams import numpy_stream


def images(n: int, name: str) -> Images:
    """Bars at random places and of random brightness on a faint ground."""
    rng = numpy_stream(0, "bars", name)
    pixels = rng.integers(0, 40, (n, 1, 8, 8))
    pixels[np.arange(n), 0, :, rng.integers(1, 7, n)] = rng.integers(120, 256, (n, 1))
    return Images(pixels.astype(np.uint8))


def measured(seed: int = 0, n_train: int = 150, n_test: int = 100) -> SampleQuality:
    train = images(n_train, "train")
    quality = SampleQuality(Runs(seed, train, images(n_test, "test"), {}), [train], None)
    fresh = images(quality.size, "fresh").scaled()
    quality.add("fresh", fresh)
    quality.add("noisy", np.clip(fresh + 0.1, 0, 1))
    quality.add("constant", np.full_like(fresh, 0.3))
    return quality


def test_perfect_samples_are_not_told_from_images_and_constant_ones_are_far() -> None:
    found = Qualities({0: measured().found})
    fresh = found.contrast(RANDOM, ["fresh"])
    noisy = found.contrast(RANDOM, ["noisy"])
    constant = found.contrast(RANDOM, ["constant"])
    assert fresh.value is not None
    assert noisy.value is not None
    assert constant.value is not None
    null = found.null_quantile(RANDOM, "fresh").value
    assert null is not None
    assert fresh.value < null < noisy.value < constant.value
    p = {name: found.largest_p(RANDOM, name).value for name in ("fresh", "noisy", "constant")}
    assert p["fresh"] is not None
    assert p["fresh"] > 0.05
    assert p["noisy"] is not None
    assert p["noisy"] < 0.02
    assert p["constant"] == pytest.approx(1 / 201)


def test_all_sets_are_as_large_as_the_smallest() -> None:
    quality = measured(n_train=30, n_test=50)
    assert quality.size == 30 == len(quality.learned)
    assert len(quality.found.distance[RANDOM][TRAINING].influence) == 30
    with pytest.raises(ValueError, match=r"`x` is \(29, .*equal shapes"):
        quality.add("fewer", images(29, "fewer").scaled())


def test_samples_are_told_apart_by_every_seed_or_not_at_all() -> None:
    """The largest p decides: one seed's luck is no finding."""
    quality = {
        seed: Quality(50, {RANDOM: {"fresh": Distance(np.zeros(50), np.zeros(9), p)}}, None)
        for seed, p in enumerate((0.01, 0.2, 0.04))
    }
    found = Qualities(quality).largest_p(RANDOM, "fresh")
    assert found.value == 0.2
    assert found.interval == "the largest of 3 seeds, permutation test"


def test_too_few_images_are_undefined_with_the_reason() -> None:
    train = images(30, "train")
    quality = SampleQuality(Runs(0, train, images(2, "test"), {}), [train], None)
    quality.add("fresh", images(2, "fresh").scaled())
    found = Qualities({0: quality.found})
    assert Qualities({0: quality.found}).networks == (RANDOM,)
    for number in (
        found.contrast(RANDOM, ["fresh"]),
        found.contrast(RANDOM, ["fresh"], [TRAINING]),
    ):
        assert number.value is None
        assert number.interval == "undefined: 2 images a side; a kernel distance needs 3"
    assert found.largest_p(RANDOM, "fresh").value is None


def test_every_seed_is_held_against_the_same_images_with_a_network_of_its_own() -> None:
    first, second = measured(0), measured(1)
    assert np.array_equal(first.learned, second.learned)
    one, other, again = (each.found.distance[RANDOM] for each in (first, second, measured(0)))
    assert one["constant"].influence.mean() != other["constant"].influence.mean()
    for name, distance in one.items():
        assert np.array_equal(again[name].influence, distance.influence)
        assert np.array_equal(again[name].null, distance.null)


def test_nothing_reads_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    weights = next(random_network((1, 8, 8), 0).parameters())
    torch.rand(3)
    assert torch.equal(next(random_network((1, 8, 8), 0).parameters()), weights)
    torch.random.set_rng_state(before)
    measured(n_train=10, n_test=10)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_features_do_not_depend_on_the_size_of_the_networks_weights() -> None:
    some = images(40, "some").scaled()
    network = random_network((1, 8, 8), 0)
    plain, larger = Features(network, some), Features(nn.Sequential(network, Times(50.0)), some)
    assert np.allclose(plain(some), larger(some), atol=1e-4)
    assert np.allclose(plain(some).mean(axis=0), 0, atol=1e-6)
    assert plain(some).var(axis=0).mean() == pytest.approx(1)


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


def test_a_contrast_is_the_difference_of_the_distances() -> None:
    found = Qualities({0: measured().found})
    value = {name: d.influence.mean() for name, d in found.first.distance[RANDOM].items()}
    wanted = value["noisy"] + value["fresh"] - value["constant"]
    number = found.contrast(RANDOM, ["noisy", "fresh"], ["constant"])
    assert number.value == pytest.approx(wanted)
    assert number.interval == "95 % over 100 images a side, paired, given this seed"
    # Rows are paired, so what two sets share is not counted as error of their difference.
    alone = found.contrast(RANDOM, ["noisy"])
    apart = found.contrast(RANDOM, ["noisy"], ["fresh"])
    assert alone.low is not None
    assert alone.high is not None
    assert apart.low is not None
    assert apart.high is not None
    assert apart.high - apart.low < 0.9 * (alone.high - alone.low)


def test_several_seeds_give_an_interval_over_seeds() -> None:
    found = Qualities(
        {
            seed: distances(samples=np.full(50, 0.5 + d), floor=np.full(50, 0.1 + d / 2))
            for seed, d in enumerate((0.0, 0.02, 0.04))
        }
    )
    number = found.contrast(RANDOM, ["samples"], ["floor"])
    assert number.value == pytest.approx(0.41)
    assert number.interval == "95 % over 3 seeds × 50 images a side, paired"
    # By hand: differences 0.40, 0.41, 0.42, of standard error 0.01 / √3, and t = 4.303.
    assert number.high == pytest.approx(0.41 + 4.302653 * 0.01 / 3**0.5)


def distances(**influence: np.ndarray) -> Quality:
    """What one seed measured of some sets, from its pseudo-values."""
    sets = {name: Distance(rows, np.zeros(1), 1.0) for name, rows in influence.items()}
    return Quality(50, {RANDOM: sets}, None)


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_sets_that_are_alike_are_told_apart_in_one_of_twenty(seeds: int) -> None:
    """Every seed looks at the same images: more seeds do not make their chance go away.

    The interval over seeds alone called training images, which are drawn as test images are,
    nearer to them than 0 in most studies.
    """
    rng = np.random.default_rng(seeds)
    apart = 0
    for _ in range(400):
        shared = rng.normal(0, 1, 50)
        each = {s: distances(floor=shared + rng.normal(0, 0.3, 50)) for s in range(seeds)}
        found = Qualities(each)
        apart += found.contrast(RANDOM, ["floor"]).excludes_zero
    assert 0.02 * 400 <= apart <= 0.075 * 400


def cautioned(*right: int | None, share: float = 0.1, seeds: tuple[int, ...] = (0, 3, 4)) -> str:
    """What is said of classifiers that are right on so many of 50 test images, by seed."""
    each = (None if n is None else Examined(1 * (np.arange(50) < n), share) for n in right)
    found = {seed: Quality(50, {}, one) for seed, one in zip(seeds, each, strict=False)}
    return no_better_than_one_class(Seeds(found))


def test_features_of_a_classifier_that_learned_nothing_carry_a_caution() -> None:
    assert cautioned(25, 45) == ""
    one = cautioned(6)
    assert "The classifier is right on 12.0 % (5.5 to 24.2) of 50 test images" in one
    assert "most frequent in training would be on 10 %: it is not distinguishably better" in one
    two = cautioned(25, 6, 1)
    assert "The classifier of seed 3 is right on" in two
    assert "better than that (nor with seed 4)" in two
    # Uneven classes: what is right on most images may know no more than which class they are of.
    assert cautioned(40, share=0.8)
    # Without a classifier, or without labelled test images.
    assert cautioned(None) == ""
