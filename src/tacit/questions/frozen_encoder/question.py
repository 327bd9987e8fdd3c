"""What a classifier's encoder keeps, seen through a decoder that is trained on it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from tacit.images.dataset import UNLABELLED, Images
from tacit.measures.distances import Floats
from tacit.measures.images import flat
from tacit.measures.number import Undefined
from tacit.measures.separation import fisher_terms, nearest_neighbour, silhouette
from tacit.models.models import Autoencoder
from tacit.models.parts import part_of
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding
from tacit.questions.frozen_encoder.figures import draw
from tacit.questions.frozen_encoder.numbers import DECODERS, Kept
from tacit.questions.frozen_encoder.words import CAUTIONS, DECIDED_BY, SOURCES, caveats, words
from tacit.training.batches import batch_of
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.objectives import squared_error

SHOWN = 10
"""At most so many classes are shown as pictures, and so many images of one class."""


class FrozenEncoder(Question):
    """Where a classifier's frozen code lies between its class probabilities and an autoencoder's.

    Attributes:
        reference: the autoencoder.
        frozen: a decoder on the classifier's frozen encoder.
        probabilities: a decoder on the classifier's class probabilities.
        classifier: whose encoder it is.
        images: at most so many test images are compared with each other for the separation.
    """

    name: ClassVar[str] = "frozen-encoder"
    title: ClassVar[str] = "What a classifier's encoder keeps"
    asks: ClassVar[str] = (
        "How much of an image does a classifier's frozen code hold, between its class "
        "probabilities and an autoencoder's code, and what becomes of variety within and "
        "separation between classes?"
    )
    needs_labels: ClassVar[bool] = True

    reference: str
    frozen: str
    probabilities: str
    classifier: str
    images: Annotated[int, Field(ge=20, le=20_000)] = 2_000

    def needs(self) -> dict[str, tuple[str, ...]]:
        return {
            self.reference: ("autoencoder",),
            self.frozen: ("autoencoder",),
            self.probabilities: ("autoencoder",),
            self.classifier: ("classifier",),
        }

    def measure(self, runs: Runs) -> Measurement:
        found = Measurement()
        models = {}
        for role in DECODERS:
            run = runs[getattr(self, role)]
            model = run.model()
            assert isinstance(model, Autoencoder)
            models[role] = model
            for split in ("train", "test"):
                updates, means, _ = run.history.curve(split, "loss")
                epochs = np.array([run.schedule.epoch_of(update) for update in updates])
                found.arrays[f"curve/{role}/{split}"] = np.stack([epochs, means])
        self._errors(models, runs, found)
        self._separations(models, runs, found)
        classifier = runs[self.classifier].model()
        for role, part in (("frozen", "encoder"), ("probabilities", "probabilities")):
            same = same_weights(models[role].encoder, part_of(classifier, part))
            found.values[f"{role}.is-the-classifier's"] = float(same)
        return found

    def _errors(self, models: Mapping[str, Autoencoder], runs: Runs, found: Measurement) -> None:
        """Squared error of every test image by each decoder, and by its class's mean image."""
        train_sample = sample_of(len(runs.train), "train")
        found.arrays["table/errors/index"] = np.arange(len(runs.test))
        assert runs.test.labels is not None
        found.arrays["table/errors/label"] = runs.test.labels
        for role, model in models.items():
            error = evaluate(model, squared_error, runs.test)["loss"]  # type: ignore[arg-type]
            found.arrays[f"table/errors/{role}"] = error.double().numpy()
            error = evaluate(model, squared_error, runs.train, train_sample)["loss"]  # type: ignore[arg-type]
            found.arrays[f"train-error/{role}"] = error.double().numpy()
        found.arrays["table/errors/class-mean"] = class_mean_errors(runs.train, runs.test)

    def _separations(
        self, models: Mapping[str, Autoencoder], runs: Runs, found: Measurement
    ) -> None:
        """Variety and separation of originals, codes and outputs, and the pictures to show."""
        index, y = comparable(runs.test, sample_of(len(runs.test), "test", size=self.images))
        found.arrays["table/separation/index"] = index
        found.arrays["table/separation/label"] = y
        if not len(index):
            return
        originals = runs.test.scaled(index)
        pictures = {"originals": originals}
        separation_of(flat(originals), y, "originals", found)
        for role, model in models.items():
            codes, outputs = codes_and_outputs(model, runs.test, index)
            separation_of(codes, y, f"{role}-code", found)
            separation_of(flat(outputs), y, f"{role}-output", found)
            pictures[role] = outputs
        classes = np.unique(y)
        within = found.arrays["table/separation/originals-within"]
        varied = classes[np.argmax([within[y == c].mean() for c in classes])]
        found.arrays["shown/classes"] = classes[:SHOWN]
        found.arrays["shown/varied"] = np.array([varied])
        first = [int(np.flatnonzero(y == c)[0]) for c in classes[:SHOWN]]
        for name, images in pictures.items():
            found.arrays[f"shown/{name}/each"] = images[first]
            found.arrays[f"shown/{name}/varied"] = images[np.flatnonzero(y == varied)[:SHOWN]]

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        kept = Kept(measured)
        figures, tables = draw(self, kept, setting)
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=words(kept),
            numbers=kept.numbers(),
            runs=tuple(self.needs()),
            decided_by=DECIDED_BY,
            figures=figures,
            tables=tables,
            caveats=(*caveats(kept, self, setting), *CAUTIONS),
            sources=SOURCES,
            key="share",
        )


def class_mean_errors(train: Images, test: Images) -> Floats:
    """Each test image's squared distance to the mean training image of its class, (N,).

    NaN where the class is not known or has no training image.
    """
    assert train.labels is not None
    assert test.labels is not None
    errors = np.full(len(test), np.nan)
    for c in range(train.n_classes):
        rows, own = np.flatnonzero(train.labels == c), test.labels == c
        if len(rows) and own.any():
            mean = train.pixels[rows].mean(axis=0, dtype=np.float64) / 255
            errors[own] = np.sum((test.pixels[own] / 255 - mean) ** 2, axis=(1, 2, 3))
    return errors


def comparable(
    test: Images, sample: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows among `sample` whose class has two of them or more, and their classes.

    Both empty where fewer than two classes are left: nothing is separate from anything then.
    """
    assert test.labels is not None
    labels = test.labels[sample]
    counts = np.bincount(labels[labels != UNLABELLED], minlength=1)
    kept = (labels != UNLABELLED) & (counts[labels] >= 2)
    if np.sum(counts >= 2) < 2:
        kept[:] = False
    return sample[kept], labels[kept]


@torch.no_grad()
def codes_and_outputs(
    model: Autoencoder, images: Images, index: NDArray[np.int64], batch_size: int = 500
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Codes, (n, D), of the images at `index`, and what is decoded from them, (n, C, H, W)."""
    codes, outputs = [], []
    for first in range(0, len(index), batch_size):
        x = batch_of(images, index[first : first + batch_size], torch.device("cpu")).x
        codes.append(model.encode(x))
        outputs.append(model.decode(codes[-1]))
    return torch.cat(codes).numpy(), torch.cat(outputs).numpy()


def separation_of(
    features: NDArray[np.floating], y: NDArray[np.int64], name: str, found: Measurement
) -> None:
    """Keep each image's silhouette, nearest neighbour and scatter among `features`, (n, D)."""
    between, within = fisher_terms(features, y)
    try:
        values = silhouette(features, y)
    except Undefined:  # as many classes as images
        values = np.full(len(y), np.nan)
    for measure, column in (
        ("silhouette", values),
        ("nearest-neighbour", nearest_neighbour(features, y)),
        ("between", between),
        ("within", within),
    ):
        found.arrays[f"table/separation/{name}-{measure}"] = column


def same_weights(part: nn.Module, other: nn.Module) -> bool:
    """Whether two parts hold the same tensors, to the bit."""
    own, theirs = part.state_dict(), other.state_dict()
    return own.keys() == theirs.keys() and all(torch.equal(own[key], theirs[key]) for key in own)
