"""What question `frozen-encoder` measures, and its numbers over all seeds and images.

Every number is a mean over test images, a ratio of two, or a paired difference of either: over all
images, or within one class.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tacit.images.dataset import UNLABELLED, Images
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured, ratio
from tacit.measures.images import flat
from tacit.measures.intervals import decide
from tacit.measures.number import Number, Undefined, undefined
from tacit.measures.separation import fisher_terms, nearest_neighbour, silhouette
from tacit.models.models import Autoencoder
from tacit.models.parts import part_of
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.frozen_encoder.question import DECODERS, FrozenEncoder
from tacit.questions.shared.samples import Rows
from tacit.questions.shared.seeds import present
from tacit.questions.typed import InTable, OfImages
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.many import of_images
from tacit.training.objectives import Batch, squared_error
from tacit.training.objectives.base import codes_in

MEASURES = ("silhouette", "fisher", "nearest-neighbour")
PER_IMAGE = "per image"

SHOWN = 10
"""At most so many classes are shown as pictures, and so many images of one class."""


@dataclass(frozen=True)
class Errors:
    """The squared error of every test image by each decoder, and by its class's mean image."""

    index: Rows
    label: Rows
    reference: Floats
    frozen: Floats
    probabilities: Floats
    class_mean: Floats


@dataclass(frozen=True)
class Separation:
    """Of each image among features of one kind, (n,) each.

    Attributes:
        nearest_neighbour: 1 where it is of the same class.
        between, within: as `fisher_terms` gives.
    """

    silhouette: Floats
    nearest_neighbour: Floats
    between: Floats
    within: Floats


@dataclass(frozen=True)
class Decoder:
    """One of `DECODERS`.

    Attributes:
        train_error: of training images, (n,).
        curves: by split, epochs and mean losses, (2, E).
        of_the_classifier: whether its encoder is the classifier's, to the bit.
    """

    train_error: Floats
    curves: dict[str, Floats]
    of_the_classifier: bool


@dataclass(frozen=True)
class Shown:
    """Pictures, by "originals" and `DECODERS`: an image of each class, and several of one.

    Attributes:
        varied: the class whose originals vary most.
    """

    classes: Rows
    varied: int
    each: dict[str, NDArray[np.float32]]
    of_one: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        separation: by "originals", and a role's "-code" and "-output"; empty where nothing can be
            compared.
    """

    decoder: dict[str, Decoder]
    shown: Shown | None
    errors: InTable[Errors]
    separation: InTable[OfImages[Separation]]


def measure(runs: Runs, asked: FrozenEncoder) -> Numbers:
    models: dict[str, Autoencoder] = {}
    found = {}
    seen, whole = sample_of(len(runs.train), "train"), runs[asked.classifier].model()
    for role, name in asked.decoders.items():
        run = runs[name]
        model = run.model_as(Autoencoder)
        models[role] = model
        curves = {}
        for split in ("train", "test"):
            updates, means, _ = run.history.curve(split, "loss")
            curves[split] = np.stack([[run.schedule.epoch_of(u) for u in updates], means])
        part = part_of(whole, "probabilities" if role == "probabilities" else "encoder")
        found[role] = Decoder(
            _errors(model, runs.train, seen), curves, same_weights(model.encoder, part)
        )
    errors = Errors(
        index=np.arange(len(runs.test)),
        label=runs.test.truth,
        class_mean=class_mean_errors(runs.train, runs.test),
        **{role: _errors(model, runs.test) for role, model in models.items()},
    )
    index, y = comparable(runs.test, sample_of(len(runs.test), "test", size=asked.images))
    if not len(index):
        return Numbers(found, None, errors, OfImages(index, y, {}))
    originals = runs.test.scaled(index)
    pictures, separations = (
        {"originals": originals},
        {"originals": separation_of(flat(originals), y)},
    )
    for role, model in models.items():
        codes, outputs = codes_and_outputs(model, runs.test, index)
        separations[f"{role}-code"] = separation_of(codes, y)
        separations[f"{role}-output"] = separation_of(flat(outputs), y)
        pictures[role] = outputs
    classes, within = np.unique(y), separations["originals"].within
    varied = int(classes[np.argmax([within[y == c].mean() for c in classes])])
    first = [int(np.flatnonzero(y == c)[0]) for c in classes[:SHOWN]]
    several = np.flatnonzero(y == varied)[:SHOWN]
    shown = Shown(
        classes[:SHOWN],
        varied,
        {name: some[first] for name, some in pictures.items()},
        {name: some[several] for name, some in pictures.items()},
    )
    return Numbers(found, shown, errors, OfImages(index, y, separations))


def _errors(model: Autoencoder, images: Images, index: Rows | None = None) -> Floats:
    found = evaluate(model, squared_error, images, index)["loss"]  # type: ignore[arg-type]
    return found.double().numpy()


def class_mean_errors(train: Images, test: Images) -> Floats:
    """Each test image's squared distance to the mean training image of its class, (N,).

    NaN where the class is not known or has no training image.
    """
    errors = np.full(len(test), np.nan)
    for c in range(train.n_classes):
        rows, own = np.flatnonzero(train.truth == c), test.truth == c
        if len(rows) and own.any():
            mean = train.pixels[rows].mean(axis=0, dtype=np.float64) / 255
            errors[own] = np.sum((test.pixels[own] / 255 - mean) ** 2, axis=(1, 2, 3))
    return errors


def comparable(test: Images, sample: Rows) -> tuple[Rows, Rows]:
    """The rows among `sample` whose class has two of them or more, and their classes.

    Both empty where fewer than two classes are left: nothing is separate from anything then.
    """
    labels = test.truth[sample]
    counts = np.bincount(labels[labels != UNLABELLED], minlength=1)
    kept = (labels != UNLABELLED) & (counts[labels] >= 2)
    if np.sum(counts >= 2) < 2:
        kept[:] = False
    return sample[kept], labels[kept]


def codes_and_outputs(
    model: Autoencoder, images: Images, index: Rows
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Codes, (n, D), of the images at `index`, and what is decoded from them, (n, C, H, W)."""

    def both(batch: Batch) -> tuple[Tensor, Tensor]:
        codes = codes_in(model.encoder, batch)
        return codes, model.decode(codes)

    codes, outputs = of_images(both, images, index)
    return codes.numpy(), outputs.numpy()


def separation_of(features: NDArray[np.floating], y: Rows) -> Separation:
    """Each image's silhouette, nearest neighbour and scatter among `features`, (n, D)."""
    between, within = fisher_terms(features, y)
    try:
        values = silhouette(features, y)
    except Undefined:  # as many classes as images
        values = np.full(len(y), np.nan)
    return Separation(values, nearest_neighbour(features, y), between, within)


def same_weights(part: nn.Module, other: nn.Module) -> bool:
    """Whether two parts hold the same tensors, to the bit."""
    own, theirs = part.state_dict(), other.state_dict()
    return own.keys() == theirs.keys() and all(torch.equal(own[key], theirs[key]) for key in own)


class Found(OverSeeds[Numbers, FrozenEncoder]):
    """What was kept of the images, by role. A class is given as its number; None is all images."""

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """The classes that have images enough to be compared."""
        return tuple(np.unique(present(self.first.separation.label)).tolist())

    def error(self, role: str) -> Number:
        """The squared error of a decoder on test images; role "class_mean" is no decoder."""
        error = self._error(role)
        known = np.isfinite(self.first.errors.class_mean)
        return (error.take("image", known) if role == "class_mean" else error).mean()

    def train_error(self, role: str) -> Number:
        """The same on training images."""
        return self.seeds.measured(
            lambda one: one.decoder[role].train_error, PER_IMAGE, images="training images"
        ).mean()

    def share(self, of_class: int | None = None) -> Number:
        """(probabilities - frozen) / (probabilities - reference), in squared error.

        0 is the decoder on class probabilities, 1 the autoencoder. Undefined where the two ends
        are not distinguishable, or where the autoencoder is the worse.
        """
        worst, frozen, best = (
            self._error(role, of_class) for role in ("probabilities", "frozen", "reference")
        )
        between = (worst - best).mean()
        if decide(between) != "higher" and (between.low is not None or (between.value or 0) <= 0):
            return undefined(
                "the autoencoder does not beat the class probabilities, "
                "so there is nothing between them",
                unit="share",
            )
        return ratio(worst - frozen, worst - best, "share").mean()

    def variability(self, role: str, of_class: int | None = None) -> Number:
        """The variance within classes of a decoder's outputs, as a share of the originals' own."""
        return self._variability(role, of_class).mean()

    def variability_difference(self, of_class: int | None = None) -> Number:
        """The `variability` of the frozen encoder's decoder minus the autoencoder's."""
        frozen, own = (self._variability(role, of_class) for role in ("frozen", "reference"))
        return (frozen - own).mean()

    def separation(self, what: str, measure: str, of_class: int | None = None) -> Number:
        """One of `MEASURES` of "originals", or of a role's "-code" or "-output"."""
        return self._separation(what, measure, of_class).mean()

    def separation_difference(self, what: str, measure: str, of_class: int | None = None) -> Number:
        """`separation` of the frozen encoder's codes or outputs minus that of the autoencoder's."""
        frozen, own = (
            self._separation(f"{role}-{what}", measure, of_class)
            for role in ("frozen", "reference")
        )
        return (frozen - own).mean()

    @cached_property
    def numbers(self) -> dict[str, Number]:
        numbers = {"share": self.share()}
        for role in (*DECODERS, "class_mean"):
            numbers[f"squared-error.{role.replace('_', '-')}"] = self.error(role)
        for first, second in (("frozen", "reference"), ("probabilities", "frozen")):
            difference = self._error(first) - self._error(second)
            numbers[f"squared-error.{first}-minus-{second}"] = difference.mean()
        for role in DECODERS:
            numbers[f"variability.{role}"] = self.variability(role)
        numbers["variability.frozen-minus-reference"] = self.variability_difference()
        for what in ("code", "output"):
            for measure in MEASURES:
                difference_of = self.separation_difference(what, measure)
                numbers[f"{measure}.{what}.frozen-minus-reference"] = difference_of
        return numbers

    def _error(self, role: str, of_class: int | None = None) -> Measured:
        error = self.seeds.measured(lambda one: getattr(one.errors, role), PER_IMAGE)
        return _of_class(error, self.first.errors.label, of_class)

    def _column(self, what: str, column: str, of_class: int | None, unit: str = "") -> Measured:
        """A column of the separation's table; empty where nothing could be compared."""

        def values(one: Numbers) -> Floats:
            kept = one.separation.of
            return np.asarray(getattr(kept[what], column)) if kept else np.empty(0)

        labels = present(self.first.separation.label)
        return _of_class(self.seeds.measured(values, unit), labels, of_class)

    def _variability(self, role: str, of_class: int | None) -> Measured:
        outputs = self._column(f"{role}-output", "within", of_class)
        return ratio(outputs, self._column("originals", "within", of_class), "share")

    def _separation(self, what: str, measure: str, of_class: int | None) -> Measured:
        if measure == "fisher":
            between, within = (self._column(what, c, of_class) for c in ("between", "within"))
            return ratio(between, within)
        unit = "accuracy" if measure == "nearest-neighbour" else ""
        return self._column(what, measure.replace("-", "_"), of_class, unit)


def _of_class(values: Measured, labels: Rows, of_class: int | None) -> Measured:
    return values if of_class is None else values.take("image", labels == of_class)
