"""The explorer of a study: which of its networks, how finely rounded, and beside which images."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tacit.images.dataset import UNLABELLED, Images
from tacit.models.likelihoods import Gaussian
from tacit.models.models import VAE, Autoencoder, Classifier
from tacit.models.parts import part_of
from tacit.models.posteriors import PerImage
from tacit.report.explorer import Size
from tacit.report.explorer.layers import layers_of
from tacit.report.explorer.packing import HALF, STEPS, Packer, Precision, as_packed
from tacit.report.explorer.pens import pen_of
from tacit.training.many import of_pixels
from tacit.training.run_folder import SavedRun

BYTES = 1_500_000
"""What the explorer of images of 28×28 may add to a page; of larger ones more, with their side."""

MOST_BYTES = 4_000_000
PICTURE_BYTES = 300_000
"""As much is given of images to start from, before it is compressed."""

DIRECTIONS = 10
CODES, POINTS, COMPARED = 2_000, 300, 64
"""Codes that principal directions come from, codes shown, and images that rounding is told of, of
images of `PIXELS` at most; of larger ones fewer, so that it takes a second or two."""

PIXELS = 4_096


class TooLarge(ValueError):
    """Even the most rounded networks would make the page too large."""


@dataclass(frozen=True)
class Explorer:
    """What the page gets.

    Attributes:
        content: tables of layers, names and settings, as JSON holds them; `network.js` and
            `explorer.js` read them.
        data: all numbers, as `Packer.text` packs them.
        note: how exact it is, and what was left out, in words.
    """

    content: dict[str, Any]
    data: str
    note: str


def make(
    runs: Sequence[SavedRun], train: Images, test: Images, size: Size = "small"
) -> Explorer | None:
    """The explorer of a study's main VAE and main autoencoder, and its main classifier.

    Args:
        runs: the finished runs of one seed, in the order of the study.
        train, test: the study's images.
        size: "full" keeps weights in float16; "small" rounds them, evenly within each row, as
            finely as `BYTES` allow, and leaves out what does not fit at the last of `STEPS`: the
            second model, then the classifier; "none" makes none.

    Returns:
        None where there is no model with a code and a decoder, or where it is not wanted.

    Raises:
        TooLarge: "small", and no model is small enough.
    """
    if size == "none":
        return None
    shown = [_Shown(run, train, test) for run in chosen(runs)]
    shown = [one for one in shown if len(one.directions)]
    if not shown:
        return None
    classifier, pen = _loaded(classifier_of(runs)), pen_of(train)
    if size == "full":
        return _Draft(shown, classifier, pen, train, test, HALF).explorer([])
    limit = min(MOST_BYTES, BYTES * max(1.0, math.sqrt(math.prod(train.shape[1:])) / 28))
    left_out: list[str] = []
    while shown:
        draft = _finest(shown, classifier, pen, train, test, limit)
        if draft is not None:
            return draft.explorer(left_out)
        if len(shown) == 1 and classifier is not None:
            left_out.append(classifier.run)
            classifier = None
        else:
            left_out.append(shown.pop().run.run)
    raise TooLarge(
        f"there is no explorer: the networks of {', '.join(reversed(left_out))} would make the "
        "page too large; --explorer full has them"
    )


def chosen(runs: Sequence[SavedRun]) -> list[SavedRun]:
    """The first VAE, one with an encoder before others, and the first autoencoder.

    Models of all training images come before those of few; of those that read codes from
    elsewhere none, since pixels have no such code.
    """
    runs = [run for run in runs if run.config.features is None]
    first = [
        min(
            (run for run in runs if run.config.learn == learn),
            key=lambda run: (run.train_index is not None, run.config.posterior.kind == "per-image"),
            default=None,
        )
        for learn in ("vae", "autoencoder")
    ]
    return [run for run in first if run is not None]


def classifier_of(runs: Sequence[SavedRun]) -> SavedRun | None:
    """The first classifier of all training images, or else the first."""
    own = [run for run in runs if run.config.features is None]
    classifiers = [run for run in own if run.config.learn == "classifier"]
    return min(classifiers, key=lambda run: run.train_index is not None, default=None)


class _Shown:
    """A model with the images that it is shown on, and the principal directions of its codes.

    Attributes:
        images: test images, or training ones where codes are per image. picked: the rows of those
            to start from.
        encoder: images to codes; None where codes are per image, and `codes` are the picked ones'.
        mean: of the codes of training images, (D,). directions: of their spread, (k, D), widest
            first. spread: standard deviations along them, (k,).
        points: places of some images' codes in the plane of the first two, (n, 2).
    """

    def __init__(self, run: SavedRun, train: Images, test: Images) -> None:
        self.run = run
        model = run.model()
        assert isinstance(model, VAE | Autoencoder)
        self.model = model
        learned = train if run.train_index is None else train.take(run.train_index)
        rows = some(learned, CODES)
        per_image = run.config.posterior.kind == "per-image"
        self.images = learned if per_image or not len(test) else test
        self.picked = picked(self.images)
        at = some(self.images, POINTS)
        self.encoder: nn.Module | None = None
        self.codes: Tensor | None = None
        if isinstance(model, VAE) and isinstance(model.posterior, PerImage):
            means = model.posterior.mean.detach()
            codes, placed, self.codes = means[rows], means[at], means[self.picked]
        else:
            encoder = self.encoder = part_of(model, "encoder")
            codes, placed = run_on(encoder, learned, rows), run_on(encoder, self.images, at)
        self.mean, self.directions, self.spread = principal(codes.double().numpy())
        places = placed.double().numpy() - self.mean
        self.points = places @ self.directions[:2].T / self.spread[:2]
        self.point_labels = labels_of(self.images, at)


class _Loaded(NamedTuple):
    """A classifier, and its run's name."""

    run: str
    model: Classifier


def _loaded(run: SavedRun | None) -> _Loaded | None:
    if run is None:
        return None
    model = run.model()
    assert isinstance(model, Classifier)
    return _Loaded(run.run, model)


class _Draft:
    """An explorer at one precision."""

    def __init__(
        self,
        shown: Sequence[_Shown],
        classifier: _Loaded | None,
        pen: dict[str, Any],
        train: Images,
        test: Images,
        precision: Precision,
    ) -> None:
        self.shown, self.precision = shown, precision
        self.images = test if len(test) else train
        self.packer = Packer(precision)
        self.classifier = None if classifier is None else classifier.model
        content: dict[str, Any] = {
            "shape": list(train.shape),
            "classes": list(train.class_names),
            "pen": pen,
            "models": [self._model(one) for one in shown],
        }
        if classifier is not None:
            layers = self._layers(classifier.model)
            content["classifier"] = {"run": classifier.run, "layers": layers}
        self.content = content
        self.text = self.packer.text()

    def _layers(self, module: nn.Module) -> list[dict[str, Any]]:
        if isinstance(module, Classifier):
            parts: list[nn.Module] = [module.encoder, module.head]
            laid = [layer for part in parts for layer in layers_of(part, self.packer.weight)]
            return [*laid, {"kind": "softmax"}]
        return layers_of(module, self.packer.weight)

    def _model(self, one: _Shown) -> dict[str, Any]:
        likelihood = one.model.likelihood
        linked = not (isinstance(likelihood, Gaussian) and likelihood.link == "identity")
        decoder = self._layers(one.model.decoder)
        floats = self.packer.floats
        return {
            "run": one.run.run,
            "learns": one.run.config.learn,
            "latent_dim": len(one.mean),
            "prior": isinstance(one.model, VAE),
            "encoder": None if one.encoder is None else self._layers(one.encoder),
            "decoder": [*decoder, {"kind": "sigmoid"}] if linked else decoder,
            "mean": floats(one.mean),
            "directions": floats(one.directions),
            "spread": floats(one.spread),
            "points": floats(one.points),
            "point_labels": one.point_labels,
            "images": self.packer.pixels(one.images.pixels[one.picked]),
            "labels": labels_of(one.images, one.picked),
            "codes": None if one.codes is None else floats(one.codes.numpy()),
        }

    def explorer(self, left_out: Sequence[str]) -> Explorer:
        return Explorer(self.content, self.text, " ".join(self._told(left_out)))

    def _told(self, left_out: Sequence[str]) -> list[str]:
        if self.precision == HALF:
            told = ["Weights are kept in float16."]
        else:
            told = [
                f"Weights are rounded to {2 * int(self.precision) + 1} evenly spaced values a row, "
                "so that the page stays small."
            ]
        at = some(self.images, COMPARED)
        for one in self.shown:
            mean, most = rounding(one, self.images, at, self.precision)
            told.append(
                f"Pictures of {one.run.run} differ by {plain(mean)} on average from the trained "
                f"model's and by {plain(most)} at most, where black is 0 and white is 1 "
                f"({len(at)} images)."
            )
        if self.classifier is not None:
            same, n = agreement(self.classifier, self.images, self.precision)
            told.append(f"The classifier names the trained one's class for {same} of {n} images.")
        if left_out:
            told.append(
                f"{' and '.join(left_out)} would make the page too large; --explorer full has all."
            )
        return told


def _finest(
    shown: Sequence[_Shown],
    classifier: _Loaded | None,
    pen: dict[str, Any],
    train: Images,
    test: Images,
    limit: float,
) -> _Draft | None:
    """The draft with the finest steps that is small enough; None where none is."""
    fitting, finest = None, len(STEPS)
    tried = range(len(STEPS))
    at = len(STEPS) - 1  # whether any fits at all
    while tried:
        draft = _Draft(shown, classifier, pen, train, test, STEPS[at])
        if len(draft.text) <= limit:
            fitting, finest = draft, at
            tried = tried[: tried.index(at)]
        else:
            tried = tried[tried.index(at) + 1 :]
        at = tried[len(tried) // 2] if tried else finest
    return fitting


def principal(
    codes: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, principal directions and standard deviations along them, of codes (n, D).

    At most `DIRECTIONS`; directions along which codes hardly differ (less than a millionth of the
    widest) are left out, and so are all where a code is not finite. Each points to where its
    largest entry is positive.
    """
    if not np.isfinite(codes).all():
        codes = np.zeros_like(codes)
    mean = codes.mean(axis=0)
    _, values, directions = np.linalg.svd(codes - mean, full_matrices=False)
    spread = values / math.sqrt(max(1, len(codes) - 1))
    kept = np.flatnonzero(spread > 1e-6 * max(1e-6, spread.max(initial=0.0)))[:DIRECTIONS]
    directions = directions[kept]
    largest = np.abs(directions).argmax(axis=1, keepdims=True)
    return mean, directions * np.sign(np.take_along_axis(directions, largest, 1)), spread[kept]


def evenly(n: int, most: int) -> NDArray[np.int64]:
    """All of `n` rows, or `most` that lie evenly among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def some(images: Images, most: int) -> NDArray[np.int64]:
    """Evenly chosen images, `most` or fewer of them."""
    affordable = most * PIXELS // math.prod(images.shape)
    return evenly(len(images), min(most, max(20, affordable)))


def picked(images: Images) -> NDArray[np.int64]:
    """Images to start from, up to 20: the first of each class, or such as lie evenly among all."""
    most = max(4, min(20, PICTURE_BYTES // math.prod(images.shape)))
    if images.labels is None or images.n_classes > most // 2:
        return evenly(len(images), most)
    each = most // max(1, images.n_classes)
    of_classes = [np.flatnonzero(images.labels == c)[:each] for c in range(images.n_classes)]
    known = np.concatenate([*of_classes, np.empty(0, np.int64)])
    return known if len(known) else evenly(len(images), most)


def labels_of(images: Images, rows: NDArray[np.int64]) -> list[int]:
    """The class numbers of some images, `UNLABELLED` where there is none."""
    if images.labels is None:
        return [UNLABELLED] * len(rows)
    return [int(label) for label in images.labels[rows]]


def run_on(network: Callable[[Tensor], Tensor], images: Images, rows: NDArray[np.int64]) -> Tensor:
    """What a network makes of images, a few at a time."""
    return of_pixels(network, images, rows, at_once=max(1, 2**20 // math.prod(images.shape)))


@torch.no_grad()
def rounding(
    one: _Shown, images: Images, rows: NDArray[np.int64], precision: Precision
) -> tuple[float, float]:
    """How far pictures of rounded weights are from the trained ones': mean and largest, a pixel.

    Images go through encoder and decoder; of a model without an encoder, its own codes through the
    decoder.
    """
    model = copy.deepcopy(one.model)
    as_packed(model.decoder, precision)
    if one.encoder is None:
        assert one.codes is not None
        differences = model.decode(one.codes) - one.model.decode(one.codes)
    else:
        encoder = copy.deepcopy(one.encoder)
        as_packed(encoder, precision)
        own = one.encoder
        differences = run_on(lambda x: model.decode(encoder(x)), images, rows) - run_on(
            lambda x: one.model.decode(own(x)), images, rows
        )
    return float(differences.abs().mean()), float(differences.abs().max())


def plain(value: float) -> str:
    """Two digits that count, without an exponent.

    >>> plain(0.0000264), plain(0.0958)
    ('0.000026', '0.096')
    """
    return np.format_float_positional(value, 2, fractional=False)


def agreement(classifier: Classifier, images: Images, precision: Precision) -> tuple[int, int]:
    """Of how many images rounded weights name the same class, and of how many that is told."""
    rows = some(images, POINTS)
    theirs = copy.deepcopy(classifier)
    as_packed(theirs, precision)
    same = run_on(theirs, images, rows).argmax(1) == run_on(classifier, images, rows).argmax(1)
    return int(same.sum()), len(rows)
