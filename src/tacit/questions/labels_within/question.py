"""Which representation and method, judged by nothing but the few labels that there are?"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from tacit.errors import ImagesError
from tacit.images.dataset import UNLABELLED, Images
from tacit.labels.cross_validation import Trial, Turns, held_out_trials, turns_for
from tacit.labels.draws import Draws, Labelled
from tacit.labels.methods import Answered
from tacit.labels.pairs import Pair, named_once
from tacit.progress import part_by_part
from tacit.questions.base import Arrays, Measurement, Question, Runs, Setting, each_once
from tacit.questions.labels_within import numbers
from tacit.questions.shared.trials import Known, each_trial, problem_of

Row = Annotated[int, Field(ge=0)]
LABELS_SEED = 0
"""Of the folds: they belong to the labels, so that all pairs and seeds see the same."""


class LabelsWithin(Question):
    """Pairs cross-validated by the given labels; one is recommended.

    The images' own labels are not looked at, whatever they are.

    Attributes:
        pairs: what is compared, as for the question `label-efficiency`.
        index: which training images have a label, counted from 0.
        classes: the class number of each of them.
        class_names: in the order of the numbers.
        turns: how labels are held out: folds, and how often all of them are. By default as their
            number allows (`tacit.labels.cross_validation.turns_for`).
    """

    name = "labels-within"
    title = "Do these labels choose a representation?"
    asks = (
        "With these labels and no other, is one representation, in one method, known to be the "
        "best to use, and which?"
    )
    takes_encoders = True
    rules = ("worse-than-recommended",)
    sources = (
        "Breiman, Friedman, Olshen and Stone 1984 (the one-standard-error rule)",
        "Varma and Simon 2006 (the winner's own accuracy is too good)",
        "Bengio and Grandvalet 2004 (no unbiased variance of cross-validation)",
        "Guo, Pleiss, Sun and Weinberger 2017 (calibration)",
    )
    as_trained = True

    pairs: Annotated[tuple[Pair, ...], Field(min_length=1)]
    index: Annotated[tuple[Row, ...], Field(min_length=2)]
    classes: Annotated[tuple[Row, ...], Field(min_length=2)]
    class_names: Annotated[tuple[str, ...], Field(min_length=2)]
    turns: tuple[Annotated[int, Field(ge=2)], Annotated[int, Field(ge=1)]] | None = None

    @field_validator("pairs")
    @classmethod
    def _few_labels(cls, pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
        each_once((pair.name for pair in pairs), "each pair is looked at once")
        for pair in pairs:
            if pair.knows_more:
                raise ValueError(
                    f"hold '{pair.name}', which knows more than the labels that are given"
                )
        return pairs

    @model_validator(mode="after")
    def _belong_together(self) -> "LabelsWithin":
        if len(self.index) != len(self.classes) or len(set(self.index)) < len(self.index):
            raise ValueError("`index` names images once, and `classes` has the class of each")
        if len(set(self.classes)) < 2 or max(self.classes) >= len(self.class_names):
            raise ValueError(
                f"`classes` are of two classes at least, 0 to {len(self.class_names) - 1}"
            )
        return self

    def work(self, n_images: int) -> float:
        """That of its pairs in all trials."""
        n = 1 + len(self.trials)
        return sum(n * pair.work(len(self.index), n_images) for pair in self.pairs)

    @property
    def labelled(self) -> Labelled:
        """The labels, by row of the images."""
        order = np.argsort(self.index)
        return Labelled(np.array(self.index)[order], np.array(self.classes, np.int64)[order])

    @property
    def trials(self) -> list[Trial]:
        """What is held out when; none where no class has two labels."""
        labelled = self.labelled
        turns = turns_for(labelled.y) if self.turns is None else Turns(*self.turns)
        return held_out_trials(labelled, turns, seed=LABELS_SEED)

    @property
    def candidates(self) -> list[Pair]:
        """The pairs that can be recommended, the one to prefer among equals first."""
        order = {p.name: p.using.preference for p in self.pairs if p.using.preference is not None}
        found = [pair for pair in self.pairs if pair.name in order] or list(self.pairs)
        return sorted(found, key=lambda pair: order.get(pair.name, 0))

    def encoders(self) -> tuple[str, ...]:
        return named_once(pair.encoder for pair in self.pairs)

    def trained_encoders(self) -> tuple[str, ...]:
        return named_once(pair.trained_encoder for pair in self.pairs)

    def needs(self) -> dict[str, tuple[str, ...]]:
        kinds = ("autoencoder", "vae", "contrastive")
        return {pair.run: kinds for pair in self.pairs if pair.run is not None}

    def errors(self, runs: Mapping[str, Any]) -> Iterator[str]:
        for name in self.needs():
            if runs[name].train is not None:
                yield f"run '{name}' learns from few images; pairs take runs that learn from all"
            if runs[name].posterior.kind == "per-image":
                yield f"run '{name}' has per-image codes, which new images would not have"

    def parts(self) -> dict[str, Question]:
        return {pair.short: self.model_copy(update={"pairs": (pair,)}) for pair in self.pairs}

    def check(self, train: Images, test: Images) -> None:
        """See that every labelled image is there.

        Raises:
            ImagesError: one is not.
        """
        if max(self.index) >= len(train):
            raise ImagesError(
                f"image {max(self.index)} has a label, but there are {len(train):,} images, "
                f"numbered 0 to {len(train) - 1}"
            )

    def measure(self, runs: Runs) -> Measurement:
        """For each pair its scores: ``PAIR/all`` of all images, learned from all labels, (N, K),
        and ``PAIR/held-out`` of the labels that were held out, trial after trial, (m, K); and
        ``PAIR/model/NAME``, the weights of the classifier that learned from all labels.
        """
        found = Measurement()
        pool = Images(runs.train.pixels)
        truth = np.full(len(pool), UNLABELLED, np.int64)
        for pair in part_by_part(self.pairs):
            for name, array in self._learned(pair, pool, truth, runs).items():
                found.arrays[f"{pair.name}/{name}"] = array
        return found

    def _learned(
        self, pair: Pair, pool: Images, truth: NDArray[np.int64], runs: Runs
    ) -> dict[str, NDArray[np.generic]]:
        labelled, trials, n_classes = self.labelled, self.trials, len(self.class_names)
        learned = [labelled, *(trial.learned for trial in trials)]
        drawn = Draws((len(labelled.y),), "in all", "train", (tuple(t.index for t in learned),))
        given = Known(pool, pool, truth, truth, drawn, [learned])
        asked = [np.arange(len(pool)), *(labelled.index[trial.held] for trial in trials)]
        parts = _answered(pair, given, asked, n_classes, runs)
        nothing = np.empty((0, n_classes), np.float32)
        held = np.concatenate([nothing, *(part["scores"] for part in parts[1:])])
        everything = dict(parts[0])
        return {"held-out": held, "all": everything.pop("scores"), **everything}

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        return self.judged(measured)

    def judged(self, measured: Mapping[int, Measurement]) -> numbers.Judged:
        """What the measurements say; of several seeds the first's."""
        return numbers.Judged(
            measured[min(measured)],
            self.pairs,
            self.candidates,
            self.labelled,
            self.trials,
            self.class_names,
        )


def _answered(
    pair: Pair,
    given: Known,
    asked: list[NDArray[np.int64]],
    n_classes: int,
    runs: Runs,
) -> list[dict[str, NDArray[np.generic]]]:
    """In each trial the scores of the images asked for, and in the first the classifier's weights.

    What an earlier try kept is not done again.
    """
    (trials,) = given.trials
    problem = problem_of(pair, given, n_classes, runs)

    def learned(answered: Answered) -> Arrays:
        scores = pair.using.logits(answered.new[asked[answered.trial]])
        kept: Arrays = {"scores": scores}
        if answered.trial == 0:
            model = pair.using.classifier(problem, answered, trials[0])
            for part, tensor in {} if model is None else model.state_dict().items():
                kept[f"model/{part}"] = tensor.numpy()
        return kept

    return each_trial(pair, problem, trials, learned, pair.name, runs)
