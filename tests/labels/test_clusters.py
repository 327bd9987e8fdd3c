"""Codes from clusters of codes: no label is read, and images of a class come closer."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from bits import same_tensors
from tacit.images.dataset import Images
from tacit.labels.clusters import ON_CLUSTERS, clusters_of, learn_clusters, side_by_side
from tacit.labels.networks import codes_of
from tacit.models.config import ConvNetwork
from tacit.streams import numpy_stream
from tacit.training.views import Affine

RECIPE = ON_CLUSTERS.model_copy(
    update={
        "network": ConvNetwork(),
        "latent_dim": 16,
        "updates": 150,
        "affine": Affine(shift=0.05, rotation=10, scale=0.1, shear=0.1),
    }
)


@pytest.fixture(scope="module")
def digits() -> tuple[Images, np.ndarray, np.ndarray]:
    data = load_digits()
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)[:, None]
    return Images(pixels), PCA(10, random_state=0).fit_transform(data.data), data.target


def test_clusters_are_those_of_separate_heaps() -> None:
    rng = numpy_stream(0, "heaps")
    heap = np.repeat(np.arange(4), 50)
    codes = 10 * np.eye(4)[heap] + 0.1 * rng.standard_normal((200, 4))
    found = clusters_of(codes, 4, seed=0)
    assert len({(a, b) for a, b in zip(heap, found, strict=True)}) == 4
    assert np.array_equal(found, clusters_of(codes, 4, seed=0))


def test_the_number_of_clusters_follows_that_of_images() -> None:
    codes = numpy_stream(0, "codes").standard_normal((100, 3))
    assert len(np.unique(clusters_of(codes, seed=0))) == 5


@pytest.mark.parametrize("n_clusters", [1, 101])
def test_numbers_of_clusters_that_cannot_be(n_clusters) -> None:
    with pytest.raises(ValueError, match="from 2 to 100"):
        clusters_of(np.ones((100, 3)), n_clusters, seed=0)


def test_neighbours_agree_more_often_than_by_the_codes_alone(digits) -> None:
    images, codes, y = digits
    encoder = learn_clusters(images, codes, recipe=RECIPE, seed=0)

    def disagreement(z: np.ndarray) -> float:
        """How often an image's nearest neighbour, moved images included, is of another class."""
        squared = (z**2).sum(1)[:, None] - 2 * z @ z.T + (z**2).sum(1)
        np.fill_diagonal(squared, np.inf)
        return float(np.mean(y[squared.argmin(1)] != y))

    shifted = Images(np.roll(images.pixels, 1, axis=3))
    learned = codes_of(encoder, images)
    assert learned.shape == (1797, 16)
    assert disagreement(learned) < 0.06
    # The clusters' own noise is no obstacle: one image in ten is in a cluster of another class.
    cluster = clusters_of(codes, seed=0)
    own = np.array([np.bincount(y[cluster == c], minlength=10).argmax() for c in range(89)])
    assert np.mean(own[cluster] != y) > disagreement(learned)
    moved = codes_of(encoder, shifted)
    spread = np.linalg.norm(learned - learned.mean(0), axis=1).mean()
    assert np.linalg.norm(moved - learned, axis=1).mean() < spread


def test_the_same_seed_gives_the_same_encoder(digits) -> None:
    images, codes, _ = digits
    brief = RECIPE.model_copy(update={"updates": 3})
    made = [learn_clusters(images, codes, recipe=brief, seed=seed) for seed in (1, 1, 2)]
    assert same_tensors(made[0].state_dict(), made[1].state_dict())
    assert not same_tensors(made[0].state_dict(), made[2].state_dict())


def test_each_image_has_a_code(digits) -> None:
    images, codes, _ = digits
    with pytest.raises(ValueError, match="10 codes for 1797 images"):
        learn_clusters(images, codes[:10], seed=0)


def test_codes_side_by_side_weigh_the_same() -> None:
    rng = numpy_stream(0, "codes")
    a, b = rng.normal(3, 100, (50, 4)), rng.normal(0, 0.1, (50, 2))
    both = side_by_side([a, b])
    assert both.shape == (50, 6)
    assert both.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-6)
    assert both[:, :4].std() == pytest.approx(1, abs=0.1)
    assert both[:, 4:].std() == pytest.approx(1, abs=0.1)
    # New images are moved as those before them, whatever they are.
    assert np.array_equal(side_by_side([a[:1], b[:1]], like=[a, b]), both[:1])
    with pytest.raises(ValueError, match="zip"):
        side_by_side([a], like=[a, b])
