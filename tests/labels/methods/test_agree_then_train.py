"""From few labels to a network for new images: what each step sees, and what it does not."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from bits import same_tensors
from tacit.images.dataset import Images
from tacit.images.splits import few_label_draw
from tacit.labels.draws import Labelled
from tacit.labels.methods.agree_then_train import NO_CLASS, agreed, learn_from_few, one_hot
from tacit.labels.networks import Recipe, class_probabilities
from tacit.labels.propagation.graph import neighbour_graph
from tacit.models.config import DenseNetwork
from tacit.streams import numpy_stream

N_POOL = 1300
GO_ON = Recipe(
    network=DenseNetwork(hidden=(64,)), latent_dim=16, updates=240, batch_size=128, rate=1e-2, q=0.7
)
RECIPE = GO_ON.model_copy(update={"first": GO_ON.model_copy(update={"updates": 60, "q": 0.0})})


class Pool:
    """Training images alone; reading a label fails, and test images are not in it."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.images = Images(pixels)

    @property
    def labels(self) -> None:
        raise AssertionError("a label of the pool was read")

    def __len__(self) -> int:
        return len(self.images)

    def scaled(self, index: np.ndarray) -> np.ndarray:
        return self.images.scaled(index)


@pytest.fixture(scope="module")
def digits():
    """Pool, graphs, the pool's labels; new images and theirs."""
    data = load_digits()
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)[:, None]
    pool = data.data[:N_POOL]
    graphs = [neighbour_graph(pool), neighbour_graph(PCA(10, random_state=0).fit_transform(pool))]
    y = data.target.astype(np.int64)
    return Pool(pixels[:N_POOL]), graphs, y[:N_POOL], Images(pixels[N_POOL:]), y[N_POOL:]


def trial(y: np.ndarray, per_class: int, draw: int, shuffled: bool = False) -> Labelled:
    index = few_label_draw(y, per_class, draw, tuple("0123456789"))
    known = y[index]
    return Labelled(index, numpy_stream(draw, "shuffle").permutation(known) if shuffled else known)


def steps_of(pool: Pool, graphs, labelled: Labelled):
    return {
        step.name: step
        for step in learn_from_few(pool, graphs, labelled, 10, recipe=RECIPE, seed=0)
    }


def test_new_images_are_classified_and_each_step_is_told(digits) -> None:
    pool, graphs, y, new, truth = digits
    steps = steps_of(pool, graphs, trial(y, 5, 0))
    assert list(steps) == [
        "equal shares 1",
        "estimated shares 1",
        "equal shares 2",
        "estimated shares 2",
        "agreed",
        "first network",
        "all agreed",
        "second network",
        "backed",
        "network",
    ]
    model = steps["network"].model
    assert np.mean(class_probabilities(model, new).argmax(axis=1) == truth) > 0.7
    sure = steps["all agreed"].classes
    assert np.mean(sure == NO_CLASS) < 0.2
    known = sure != NO_CLASS
    assert np.mean(sure[known] != y[known]) <= np.mean(steps["estimated shares 2"].classes != y)
    assert (sure[trial(y, 5, 0).index] == trial(y, 5, 0).y).all()


def test_the_same_trial_gives_the_same_network(digits) -> None:
    pool, graphs, y, *_ = digits
    made = [steps_of(pool, graphs[:1], trial(y, 1, 0))["network"].model for _ in range(2)]
    assert same_tensors(made[0].state_dict(), made[1].state_dict())


def test_shuffled_labels_give_chance(digits) -> None:
    """Labels that say nothing: whatever the graph and the network make of them, a tenth is right.

    Whole heaps get one class, so that a single draw may be far from a tenth.
    """
    pool, graphs, y, new, truth = digits
    right = []
    for draw in range(5):
        model = steps_of(pool, graphs, trial(y, 5, draw, shuffled=True))["network"].model
        right.append(np.mean(class_probabilities(model, new).argmax(axis=1) == truth))
    assert np.mean(right) == pytest.approx(0.1, abs=0.08)


def test_opinions_that_differ_give_no_class() -> None:
    a, b = np.array([0, 1, 2, 1]), np.array([0, 2, 2, 0])
    known = Labelled(np.array([3]), np.array([2]))
    assert agreed([a, b], known).tolist() == [0, NO_CLASS, 2, 2]
    assert agreed([a], known).tolist() == [0, 1, 2, 2]
    assert a.tolist() == [0, 1, 2, 1], "opinions stay as they are"
    assert one_hot(np.array([1, NO_CLASS]), 3).tolist() == [[0, 1, 0], [0, 0, 0]]


def test_there_is_a_graph(digits) -> None:
    pool, _, y, *_ = digits
    with pytest.raises(ValueError, match="no graph"):
        steps_of(pool, [], trial(y, 1, 0))


@pytest.mark.slow
def test_the_benchmark_looks_for_test_images_when_all_draws_are_done(tmp_path) -> None:
    """A folder without them is enough for everything else: the error comes last."""
    data = load_digits()
    x = np.round(data.images[:400] * (255 / 16)).astype(np.uint8).repeat(3, 1).repeat(3, 2)
    x = np.pad(x, ((0, 0), (2, 2), (2, 2)))
    for name, array in (("images-idx3", x), ("labels-idx1", data.target[:400].astype(np.uint8))):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (tmp_path / f"train-{name}-ubyte").write_bytes(header + array.tobytes())
    command = [sys.executable, "-m", "benchmarks.new_images", str(tmp_path)]
    out = tmp_path / "out"
    done = subprocess.run(
        [*command, "--out", str(out), "--draws", "1", "--budgets", "2", "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "lacks t10k-images-idx3-ubyte" in done.stderr
    assert sorted(p.parent.parent.name for p in out.glob("*/*/done.json")) == [
        "10-labels",
        "20-labels",
    ]
