"""How well does a classifier do on images that it has not seen?"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import log_softmax
from scipy.stats import fisher_exact

from tacit.images.dataset import Images
from tacit.measures.classes import confusion_matrix, most_wrong
from tacit.measures.distances import Floats
from tacit.measures.formatting import show
from tacit.measures.intervals import (
    bootstrap_mean,
    crossed,
    decide,
    holm,
    mean_t,
    proportion,
    welch,
)
from tacit.measures.number import Number
from tacit.models.models import Classifier
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.classifier.figures import TABLE, draw_confusion, draw_curves, draw_most_wrong
from tacit.questions.finding import Finding, Table
from tacit.questions.shared.curves import keep_curves
from tacit.questions.shared.majority_class import against_it, share_right
from tacit.questions.shared.outputs import class_scores, comparable, labelled
from tacit.streams import numpy_stream

POINTS = "percentage points"
CLASSES_IN_NUMBERS = 12
"""With more classes, the accuracy of each stands in the table only."""


class ClassifierAccuracy(Question):
    """Accuracy and cross-entropy on the test images after the last update, and by class.

    Attributes:
        run: a classifier.
        most_wrong: how many of the worst test images are shown.
    """

    name: ClassVar[str] = "classifier"
    title: ClassVar[str] = "The classifier"
    asks: ClassVar[str] = "How well does the classifier do on images that it has not seen?"
    needs_labels: ClassVar[bool] = True
    weight: ClassVar[float] = 0.5

    run: str
    most_wrong: Annotated[int, Field(ge=1, le=60)] = 20

    def needs(self) -> dict[str, tuple[str, ...]]:
        return {self.run: ("classifier",)}

    def measure(self, runs: Runs) -> Measurement:
        found = Measurement()
        draws = runs.draws(self.run)
        keep_curves(found, "curve", draws, ("loss", "accuracy"))
        rows = labelled(runs.test)
        tables = [_answers(_model(draw.model()), runs.test, rows) for draw in draws]
        for name in ("right", "cross-entropy"):
            found.arrays[f"draws.{name}"] = np.array([table[name].mean() for table in tables])
        shown = tables[0]
        worst = most_wrong(shown["cross-entropy"], self.most_wrong)
        found.arrays |= {f"{TABLE}/{name}": column for name, column in shown.items()}
        found.arrays |= {"worst": worst, "worst.pixels": runs.test.pixels[rows[worst]]}
        learned = runs.images_of(draws[0])
        seen = comparable(draws[0], learned, "train")
        train = _answers(_model(draws[0].model()), learned, seen)
        found.arrays["train.right"] = train["right"]
        found.values["always-most-frequent"] = share_right(train["label"], shown["label"])
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        seed, first = next(iter(measured.items()))
        truth, answered = first.arrays[f"{TABLE}/label"], first.arrays[f"{TABLE}/answered"]
        names = setting.class_names
        recalls = {
            int(c): proportion(answered[truth == c] == c, over="test images", unit="accuracy")
            for c in np.unique(truth)
        }
        numbers = _numbers(measured)
        if len(names) <= CLASSES_IN_NUMBERS:
            numbers |= {f"test-accuracy.{names[c]}": number for c, number in recalls.items()}
        accuracy, blind = numbers["test-accuracy"], numbers["always-most-frequent-class"]
        verdict = {
            "better": "",
            "worse": ", and it does worse than that",
            "not distinguishable": ", and the two are not distinguishable",
        }[against_it(map(_right, measured.values()), blind.value or 0.0)]
        words = [
            f"After its last update the classifier is right on {show(accuracy)} of {len(truth):,} "
            f"test images; always answering the class that is most frequent in training would be "
            f"right on {show(blind)}{verdict}.",
            _against_training(numbers["train-accuracy"], numbers["train-minus-test.accuracy"]),
            _hardest(truth, answered, recalls, names),
            _sureness(numbers["confidence-minus-accuracy"]),
        ]
        caveat = (
            f"Intervals over seeds say how another training would differ on this test set; "
            f"'test-accuracy.over-images' and those by class say how other test images would, "
            f"for the model of seed {seed}."
            if len(measured) > 1
            else "With one seed, the intervals are over images and given this model: how another "
            "training would differ is not known."
        )
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=" ".join(words),
            numbers=numbers,
            runs=(self.run,),
            decided_by=(
                "The model after the last update counts; nothing was chosen by the test curves. "
                "It does better than always answering one class where, for every seed, Wilson's "
                "interval over test images lies above that share, and worse where all lie below. "
                "A class is called harder where "
                "Fisher's exact test against all others has p < 0.05 after Holm's adjustment. "
                "Other differences are distinguishable where their interval excludes zero."
            ),
            figures=(
                draw_curves(self.run, measured, setting),
                draw_confusion(measured, setting),
                draw_most_wrong(seed, first, setting),
            ),
            tables=(_by_class(truth, answered, recalls, names, seed),),
            caveats=(caveat,),
        )


def _model(model: object) -> Classifier:
    assert isinstance(model, Classifier)
    return model


def _answers(
    model: Classifier, images: Images, rows: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """Columns of one value per image at `rows`, all of which have a label."""
    assert images.labels is not None
    truth = images.labels[rows]
    log_p = log_softmax(class_scores(model, images, rows), axis=1)
    answered = log_p.argmax(axis=1)
    return {
        "index": rows,
        "label": truth,
        "answered": answered,
        "right": (answered == truth).astype(np.int64),
        "confidence": np.exp(log_p.max(axis=1)),
        "cross-entropy": -log_p[np.arange(len(rows)), truth],
    }


def _right(found: Measurement) -> Floats:
    return found.arrays[f"{TABLE}/right"].astype(np.float64)


def _numbers(measured: Mapping[int, Measurement]) -> dict[str, Number]:
    """Over seeds (and draws) where there are several, else over images given the one model."""
    seed, first = next(iter(measured.items()))
    found = list(measured.values())
    accuracy = np.stack([f.arrays["draws.right"] for f in found])
    loss = np.stack([f.arrays["draws.cross-entropy"] for f in found])
    right = [_right(f) for f in found]
    train = [f.arrays["train.right"].astype(np.float64) for f in found]
    sure = [f.arrays[f"{TABLE}/confidence"].astype(np.float64) for f in found]
    excess = [s - r for s, r in zip(sure, right, strict=True)]
    gaps = [100 * (t.mean() - r.mean()) for t, r in zip(train, right, strict=True)]
    over_images = proportion(right[0], over="test images", unit="accuracy")
    blind = Number(first.values["always-most-frequent"], unit="accuracy")
    numbers = {"test-accuracy": over_images}
    if accuracy.size > 1:
        numbers = {
            "test-accuracy": crossed(accuracy, unit="accuracy", given="this test set"),
            "test-accuracy.over-images": over_images,
        }
    if len(found) > 1:
        return numbers | {
            "train-accuracy": mean_t([t.mean() for t in train], unit="accuracy"),
            "train-minus-test.accuracy": mean_t(gaps, unit=POINTS),
            "always-most-frequent-class": blind,
            "test-cross-entropy": crossed(loss, unit="nats"),
            "confidence-minus-accuracy": mean_t([100 * e.mean() for e in excess], unit=POINTS),
        }
    cross_entropy = first.arrays[f"{TABLE}/cross-entropy"]
    rng = numpy_stream(seed, "classifier", "bootstrap")
    return numbers | {
        "train-accuracy": proportion(train[0], over="training images", unit="accuracy"),
        "train-minus-test.accuracy": welch(100 * train[0], 100 * right[0], unit=POINTS),
        "always-most-frequent-class": blind,
        "test-cross-entropy": bootstrap_mean(cross_entropy, rng, over="test images", unit="nats"),
        "confidence-minus-accuracy": bootstrap_mean(
            100 * excess[0], rng, over="test images", unit=POINTS
        ),
    }


def _against_training(train: Number, gap: Number) -> str:
    verdict = decide(gap)
    if verdict == "undefined":
        return f"On images that it learned from it is right on {show(train)}."
    if verdict == "not distinguishable":
        return (
            f"On images that it learned from it is right on {show(train)}: the difference, "
            f"{show(gap, sign=True)}, is not distinguishable from none."
        )
    return (
        f"On images that it learned from it is right on {show(train)}, a difference of "
        f"{show(gap, sign=True)}."
    )


def _hardest(
    truth: NDArray[np.generic],
    answered: NDArray[np.generic],
    recalls: Mapping[int, Number],
    names: tuple[str, ...],
) -> str:
    if len(recalls) < 2:
        return "All test images are of one class."
    right = answered == truth
    p_values = []
    for c in recalls:
        own, others = right[truth == c], right[truth != c]
        cells = np.array([[own.sum(), (~own).sum()], [others.sum(), (~others).sum()]])
        p_values.append(fisher_exact(cells, alternative="less").pvalue)
    adjusted = dict(zip(recalls, holm(p_values).tolist(), strict=True))
    ranked = sorted(recalls, key=lambda c: (recalls[c].value or 0.0, c))
    harder = [c for c in ranked if adjusted[c] < 0.05]
    if harder:
        each = ", ".join(f"'{names[c]}' ({show(recalls[c])})" for c in harder)
        return f"Harder than the other classes: {each}."
    lowest = ranked[0]
    return (
        f"No class is distinguishably harder than the others; lowest is '{names[lowest]}' with "
        f"{show(recalls[lowest])}."
    )


def _sureness(excess: Number) -> str:
    verdict = decide(excess)
    if verdict == "higher":
        return f"It is surer of its answers than it is right, by {show(excess)} on average."
    if verdict == "lower":
        return (
            f"It is less sure of its answers than it is right: confidence minus accuracy is "
            f"{show(excess)} on average."
        )
    return (
        f"How sure it is of its answers is not distinguishable from how often it is right: the "
        f"difference is {show(excess, sign=True)} on average."
    )


def _by_class(
    truth: NDArray[np.generic],
    answered: NDArray[np.generic],
    recalls: Mapping[int, Number],
    names: tuple[str, ...],
    seed: int,
) -> Table:
    counts = confusion_matrix(truth, answered, len(names))
    rows = []
    for c, recall in recalls.items():
        wrong = np.where(np.arange(len(names)) == c, 0, counts[c])
        often = f"{names[wrong.argmax()]} ({wrong.max()})" if wrong.any() else "none"
        rows.append((names[c], int(counts[c].sum()), recall, often))
    columns = ("class", "test images", "right", "most often taken for")
    return Table(f"Accuracy by class, of the model of seed {seed}", columns, tuple(rows))
