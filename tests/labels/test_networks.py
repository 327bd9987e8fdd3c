"""Networks from the labels of one trial: what they learn, and what they never look at."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from bits import same_tensors
from tacit.images.dataset import Images
from tacit.images.splits import few_label_draw
from tacit.labels.draws import Labelled
from tacit.labels.networks import (
    AUGMENTED,
    FROM_SCRATCH,
    Recipe,
    class_logits,
    class_probabilities,
    codes_of,
    hard_targets,
    train_network,
    train_on_targets,
)
from tacit.models.config import ConvNetwork, DenseNetwork, ModelConfig, PoolNetwork, build
from tacit.models.networks import Head
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.training.checkpoint import FolderCheckpointer, Stopped
from tacit.training.views import Affine

BRIEF = Recipe(network=DenseNetwork(hidden=(32,)), updates=60, batch_size=64, rate=0.01)
NEW = slice(1300, None)


class Sealed:
    """Images whose labels cannot be read, and of whose pixels only some can."""

    def __init__(self, images: Images, open_rows: NDArray[np.int64] | None = None) -> None:
        self.images = images
        self.open_rows = None if open_rows is None else set(open_rows.tolist())

    @property
    def labels(self) -> NDArray[np.int64] | None:
        raise AssertionError("the labels of the pool were read")

    def __len__(self) -> int:
        return len(self.images)

    def scaled(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        if self.open_rows is not None:
            assert set(np.asarray(index).tolist()) <= self.open_rows, "another image was looked at"
        return self.images.scaled(index)


@pytest.fixture(scope="module")
def digits() -> Images:
    data = load_digits()
    pixels = np.round(data.images * (255 / 16)).astype(np.uint8)[:, None]
    return Images(pixels, data.target.astype(np.int64), tuple("0123456789"))


def trial(images: Images, per_class: int = 10, draw: int = 0) -> Labelled:
    """Labels of the first 1,300 images; the others are new."""
    labels = images.labels[:1300]
    index = few_label_draw(labels, per_class, draw, images.class_names)
    return Labelled(index, labels[index])


def accuracy(model, images: Images) -> float:
    rows = np.arange(len(images))[NEW]
    return float(np.mean(class_probabilities(model, images, rows).argmax(1) == images.labels[NEW]))


@pytest.mark.parametrize("recipe", [FROM_SCRATCH, AUGMENTED], ids=["scratch", "augmented"])
def test_ten_labels_of_each_class_are_enough_for_most_digits(digits, recipe) -> None:
    assert accuracy(train_network(digits, trial(digits), 10, recipe=recipe, seed=0), digits) > 0.75


def test_no_other_label_and_no_other_image_is_touched(digits) -> None:
    known = trial(digits, 2)
    model = train_network(Sealed(digits, known.index), known, 10, recipe=BRIEF, seed=0)
    again = train_network(digits, known, 10, recipe=BRIEF, seed=0)
    assert same_tensors(model.state_dict(), again.state_dict())
    others = Images(digits.pixels, np.zeros(len(digits), np.int64), digits.class_names)
    wrong = train_network(others, known, 10, recipe=BRIEF, seed=0)
    assert same_tensors(model.state_dict(), wrong.state_dict())


def test_targets_are_learned_without_labels_and_only_where_they_are(digits) -> None:
    targets = hard_targets(np.eye(10)[digits.labels])
    targets[NEW] = 0
    pool = Sealed(digits, np.arange(1300))
    recipe = BRIEF.model_copy(update={"updates": 200})
    assert accuracy(train_on_targets(pool, targets, recipe=recipe, seed=0), digits) > 0.85


@pytest.mark.parametrize("method", ["few", "targets"])
def test_shuffled_labels_give_chance(digits, method) -> None:
    """Labels that say nothing teach nothing: over draws, a tenth is right."""
    found = []
    for draw in range(6):
        known = trial(digits, 10, draw)
        shuffled = numpy_stream(draw, "shuffle").permutation(known.y)
        if method == "few":
            model = train_network(
                digits, Labelled(known.index, shuffled), 10, recipe=BRIEF, seed=draw
            )
        else:
            classes = numpy_stream(draw, "classes").integers(0, 10, len(digits))
            targets = np.eye(10, dtype=np.float32)[classes]
            model = train_on_targets(digits, targets, recipe=BRIEF, seed=draw)
        found.append(accuracy(model, digits))
    assert np.mean(found) == pytest.approx(0.1, abs=0.06)


def test_wrong_labels_are_forgiven(digits) -> None:
    """A third of the targets is wrong, each class as another; q = 0.7 suffers less than 0."""
    rng = numpy_stream(0, "wrong")
    classes = np.where(rng.random(1797) < 0.35, (digits.labels + 3) % 10, digits.labels)
    targets = np.eye(10, dtype=np.float32)[classes]
    errors = {}
    for q in (0.0, 0.7):
        recipe = BRIEF.model_copy(update={"q": q, "updates": 400, "rate": 0.005})
        errors[q] = 1 - accuracy(train_on_targets(digits, targets, recipe=recipe, seed=0), digits)
    assert errors[0.7] < errors[0.0]
    assert errors[0.7] < 0.15


def trained_encoder(latent_dim: int = 8):
    with seeded_initialisation(5):
        return build(
            ModelConfig(
                learn="autoencoder", shape=(1, 8, 8), latent_dim=latent_dim, network=ConvNetwork()
            )
        ).encoder


@pytest.mark.parametrize("recipe", [BRIEF, BRIEF.model_copy(update={"affine": Affine()})])
def test_a_frozen_encoder_stays_as_it_is(digits, recipe) -> None:
    encoder, known = trained_encoder(), trial(digits)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    model = train_network(digits, known, 10, recipe=recipe, encoder=encoder, frozen=True, seed=0)
    assert same_tensors(model.encoder.state_dict(), before)
    tuned = train_network(digits, known, 10, recipe=recipe, encoder=encoder, seed=0)
    assert same_tensors(encoder.state_dict(), before), "the given encoder was changed"
    assert not same_tensors(tuned.encoder.state_dict(), before)
    assert tuned.encoder.latent_dim == 8
    with seeded_initialisation(0):
        untrained = Head(8, 10)
    assert not same_tensors(model.head.state_dict(), untrained.state_dict())


def test_a_frozen_encoder_can_be_fine_tuned_by_its_copy(digits) -> None:
    from tacit.models.parts import freeze

    encoder, known = trained_encoder(), trial(digits)
    freeze(encoder)
    tuned = train_network(digits, known, 10, recipe=BRIEF, encoder=encoder, seed=0)
    assert not same_tensors(tuned.encoder.state_dict(), encoder.state_dict())
    assert not any(p.requires_grad for p in encoder.parameters())


def test_codes_computed_once_train_the_same_head(digits) -> None:
    """The short method for frozen encoders: as the loop would find, to rounding."""
    encoder, known = trained_encoder(), trial(digits)
    short = train_network(digits, known, 10, recipe=BRIEF, encoder=encoder, frozen=True, seed=0)
    still = Affine(shift=0, rotation=0, scale=0, shear=0)
    long = train_network(
        digits,
        known,
        10,
        recipe=BRIEF.model_copy(update={"affine": still}),
        encoder=encoder,
        frozen=True,
        seed=0,
    )
    torch.testing.assert_close(
        short.head.linear.weight, long.head.linear.weight, atol=1e-3, rtol=1e-3
    )


def test_the_same_seed_gives_the_same_network(digits) -> None:
    made = [train_network(digits, trial(digits), 10, recipe=BRIEF, seed=s) for s in (3, 3, 4)]
    assert same_tensors(made[0].state_dict(), made[1].state_dict())
    assert not same_tensors(made[0].state_dict(), made[2].state_dict())


def test_an_interrupted_training_goes_on_to_the_same_bits(digits, tmp_path) -> None:
    """Also with convolutions, whose weights lie in memory with the channels innermost."""
    recipe = Recipe(
        network=PoolNetwork(), latent_dim=8, updates=8, batch_size=64, affine=Affine(), q=0.7
    )
    targets = hard_targets(np.eye(10)[digits.labels])
    whole = train_on_targets(digits, targets, recipe=recipe, seed=1)
    updates: list[int] = []
    checkpointer = FolderCheckpointer(
        tmp_path, stop=lambda: len(updates) == 3, report=lambda u, loss: updates.append(u)
    )
    with pytest.raises(Stopped):
        train_on_targets(digits, targets, recipe=recipe, seed=1, checkpointer=checkpointer)
    again = train_on_targets(
        digits, targets, recipe=recipe, seed=1, checkpointer=FolderCheckpointer(tmp_path)
    )
    assert same_tensors(whole.state_dict(), again.state_dict())
    assert all(value.is_contiguous() for value in again.state_dict().values())


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 20, 30), (1, 28, 28)])
def test_images_of_any_size(shape) -> None:
    pixels = numpy_stream(0, "pixels").integers(0, 256, (12, *shape), dtype=np.uint8)
    known = Labelled(np.arange(6), np.arange(6) % 3)
    recipe = Recipe(updates=2, affine=Affine())
    model = train_network(Images(pixels), known, 3, recipe=recipe, seed=0)
    p = class_probabilities(model, Images(pixels))
    assert p.shape == (12, 3)
    assert p.sum(axis=1) == pytest.approx(1, abs=1e-5)
    logits = torch.from_numpy(class_logits(model, Images(pixels)))
    assert logits.softmax(1).numpy() == pytest.approx(p, abs=1e-6)
    assert codes_of(model.encoder, Images(pixels)).shape == (12, 16)


def test_a_class_without_a_label_is_still_a_class(digits) -> None:
    known = Labelled(np.array([0, 1]), np.array([0, 1]))
    model = train_network(digits, known, 10, recipe=BRIEF, seed=0)
    assert class_probabilities(model, digits, np.arange(2)).shape == (2, 10)


def test_known_labels_win_over_scores() -> None:
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]])
    assert hard_targets(scores).tolist() == [[0, 1], [1, 0], [1, 0]]
    known = Labelled(np.array([2]), np.array([1]))
    assert hard_targets(scores, known).tolist() == [[0, 1], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (Labelled(np.empty(0, np.int64), np.empty(0, np.int64)), "at least one"),
        (Labelled(np.array([0]), np.array([0, 1])), "each has one"),
        (Labelled(np.array([5000]), np.array([0])), "rows 5000 to 5000"),
        (Labelled(np.array([-1]), np.array([0])), "rows 0 to 1796"),
        (Labelled(np.array([0]), np.array([10])), "classes are 0 to 9"),
    ],
)
def test_labels_that_cannot_be(digits, known, told) -> None:
    with pytest.raises(ValueError, match=told):
        train_network(digits, known, 10, recipe=BRIEF, seed=0)


def test_faults_are_named_before_any_work(digits) -> None:
    with pytest.raises(ValueError, match="no `encoder`"):
        train_network(digits, trial(digits), 10, frozen=True, seed=0)
    with pytest.raises(ValueError, match=r"\(1797, K\)"):
        train_on_targets(digits, np.ones((3, 10)), seed=0)
    with pytest.raises(ValueError, match="0 throughout"):
        train_on_targets(digits, np.zeros((1797, 10)), seed=0)
    with pytest.raises(ValueError, match="negative"):
        train_on_targets(digits, -np.ones((1797, 10)), seed=0)
