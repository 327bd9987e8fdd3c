"""What question `classifier` measures, and the numbers of all seeds, draws and images."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from tacit.images.dataset import Images
from tacit.measures.classes import confusion_matrix, most_wrong
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured, difference
from tacit.measures.number import POINTS, Number
from tacit.models.models import Classifier
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.classifier.question import ClassifierAccuracy
from tacit.questions.shared.curves import Kept
from tacit.questions.shared.majority_class import share_right
from tacit.questions.shared.outputs import Shown, class_scores, comparable, labelled
from tacit.questions.shared.seeds import means
from tacit.questions.shared.splits import gap, without_draw
from tacit.questions.typed import InTable
from tacit.training.run_folder import SavedRun

CLASSES_IN_NUMBERS = 12
"""With more classes, the accuracy of each stands in the table only."""


@dataclass(frozen=True)
class Answers:
    """Answers for labelled images, (n,) each; `confidence` is the answer's probability."""

    index: NDArray[np.int64]
    label: NDArray[np.int64]
    answered: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: Floats
    cross_entropy: Floats

    @classmethod
    def of(cls, run: SavedRun, images: Images, rows: NDArray[np.int64]) -> "Answers":
        """By the model after the last update, for the images at `rows`, which have labels."""
        model = run.model_as(Classifier)
        truth = images.truth[rows]
        log_p = log_softmax(class_scores(model, images, rows), axis=1)
        answered = log_p.argmax(axis=1)
        return cls(
            rows,
            truth,
            answered,
            (answered == truth).astype(np.int64),
            np.exp(log_p.max(axis=1)),
            -log_p[np.arange(len(rows)), truth],
        )


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        test_images: the first draw's answers.
        right, sure, cross_entropy: of test images by draw, (D, n). train_right: (D, m).
        worst: the test images of largest cross-entropy, worst first.
        majority: how often the class that is most frequent in training is right.
    """

    curves: Kept
    right: NDArray[np.bool_]
    sure: Floats
    cross_entropy: Floats
    train_right: NDArray[np.bool_]
    majority: float
    worst: Shown
    test_images: InTable[Answers]


def measure(runs: Runs, asked: ClassifierAccuracy) -> Numbers:
    draws, rows = runs.draws(asked.run), labelled(runs.test)
    tests = [Answers.of(draw, runs.test, rows) for draw in draws]
    trains = []
    for draw in draws:
        learned = runs.images_of(draw)
        trains.append(Answers.of(draw, learned, comparable(draw, learned, "train")))
    worst = most_wrong(tests[0].cross_entropy, asked.most_wrong)
    return Numbers(
        curves=Kept.of(draws),
        right=np.stack([one.right for one in tests]) == 1,
        sure=np.stack([one.confidence for one in tests]),
        cross_entropy=np.stack([one.cross_entropy for one in tests]),
        train_right=np.stack([one.right for one in trains]) == 1,
        majority=share_right(trains[0].label, tests[0].label),
        worst=Shown(worst, runs.test.pixels[rows[worst]]),
        test_images=tests[0],
    )


class Found(OverSeeds[Numbers, ClassifierAccuracy]):
    """How well the classifier does over all seeds, draws and images."""

    @property
    def few(self) -> bool:
        return self.first.curves.few

    @property
    def truth(self) -> NDArray[np.int64]:
        return self.first.test_images.label

    @cached_property
    def right(self) -> Measured:
        """Whether test images are answered rightly."""
        return self._of_test("right", "accuracy")

    @property
    def classes(self) -> list[int]:
        """Those that test images have."""
        return np.unique(self.truth).tolist()

    @cached_property
    def by_class(self) -> dict[int, Number]:
        """The accuracy on the images of each class."""
        each = self.right.by_class(self.truth, len(self.setting.class_names))
        return {c: each[c].mean() for c in self.classes}

    @property
    def harder(self) -> list[int]:
        """The classes on which it does worse than on all others, the hardest first.

        Their intervals hold together (Bonferroni).
        """
        found = []
        for c in self.classes:
            sides = self.truth == c, self.truth != c
            own, others = (self.right.take("image", side) for side in sides)
            against = difference(own, others).mean(together=len(self.classes))
            if against.high is not None and against.high < 0:
                found.append(c)
        return sorted(found, key=lambda c: (self.by_class[c].value or 0.0, c))

    @property
    def confusion(self) -> NDArray[np.int64]:
        """True classes in rows, answers in columns, all seeds together."""
        answers = (one.test_images for one in self.seeds)
        k = len(self.setting.class_names)
        return np.asarray(sum(confusion_matrix(one.label, one.answered, k) for one in answers))

    @cached_property
    def numbers(self) -> dict[str, Number]:
        train = self.seeds.measured(
            lambda one: one.train_right, "accuracy", ("draw", "image"), images="training images"
        )
        test = self._of_test("right", "accuracy", every_draw=True)
        difference_of_splits = -gap(train, test, few=self.few).mean()
        excess = self._of_test("sure") - self._of_test("right")
        numbers: dict[str, Number | Measured] = {
            "test-accuracy": self.right,
            "train-accuracy": without_draw(train, self.few),
            "train-minus-test.accuracy": difference_of_splits.in_points,
            "always-most-frequent-class": Number(self.first.majority, unit="accuracy"),
            "test-cross-entropy": self._of_test("cross_entropy", "nats"),
            "confidence-minus-accuracy": excess.scaled(100, POINTS),
        }
        names = self.setting.class_names
        if len(names) <= CLASSES_IN_NUMBERS:
            numbers |= {f"test-accuracy.{names[c]}": n for c, n in self.by_class.items()}
        return means(numbers)

    def _of_test(self, name: str, unit: str = "", *, every_draw: bool = False) -> Measured:
        values = self.seeds.measured(lambda one: getattr(one, name), unit, ("draw", "image"))
        return values if every_draw else without_draw(values, self.few)
