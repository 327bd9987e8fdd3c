"""What question `compare` measures, and which run is best over all seeds and images."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from tacit.images.dataset import Images
from tacit.labels.networks import codes_of
from tacit.measures.distances import Floats
from tacit.measures.engine import Best, Measured, best
from tacit.measures.number import Number
from tacit.models.models import VAE, Autoencoder, Classifier
from tacit.models.parts import part_of
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.compare.question import Compare
from tacit.questions.shared.outputs import class_scores, compared, labelled, reconstructions
from tacit.questions.shared.samples import Rows
from tacit.questions.shared.seeds import means
from tacit.questions.typed import InTable, OfImages
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.objectives.generative import elbo
from tacit.training.run_folder import SavedRun

CODES_LOOKED_AT = 10_000
"""At most so many labelled training images are neighbours of a test image."""


@dataclass(frozen=True)
class Measure:
    """A number for each test image by which runs are compared.

    Attributes:
        of: the kinds of model that have it, as `Question.needs` says.
        words: what its mean is, in a sentence.
        unit: of the mean, as `Number` has it.
        higher: whether more is better.
        labels: whether classes are needed.
        per_image: from a run, its measurement's runs, the test images and their rows, (n,).
    """

    of: tuple[str, ...]
    words: str
    unit: str
    higher: bool
    labels: bool
    per_image: Callable[[SavedRun, Runs, Images, Rows], Floats]


def _right(run: SavedRun, runs: Runs, test: Images, rows: Rows) -> Floats:
    """Whether each image's likeliest class is its own."""
    model = run.model_as(Classifier)
    return (class_scores(model, test, rows).argmax(axis=1) == test.truth[rows]).astype(np.float64)


def _squared_error(run: SavedRun, runs: Runs, test: Images, rows: Rows) -> Floats:
    """Of the reconstruction at each image's code, summed over pixels in [0, 1]."""
    model = run.model()
    assert isinstance(model, VAE | Autoencoder)
    made = reconstructions(model, test, rows).astype(np.float64)
    return ((made - test.scaled(rows)) ** 2).reshape(len(rows), -1).sum(axis=1)


def _elbo(run: SavedRun, runs: Runs, test: Images, rows: Rows) -> Floats:
    """log p(x | z) - KL in nats, whatever β the run was trained with."""
    return evaluate(run.model(), elbo(), test, rows)["elbo"].double().numpy()


def _neighbour_is_right(run: SavedRun, runs: Runs, test: Images, rows: Rows) -> Floats:
    """Whether the nearest labelled training image by codes is of the test image's class."""
    train, encoder = runs.train, part_of(run.model(), "encoder")
    known = labelled(train)
    known = known[sample_of(len(known), "train", size=CODES_LOOKED_AT)]
    codes, asked = (
        codes_of(encoder, images, index).astype(np.float64)
        for images, index in ((train, known), (test, rows))
    )
    nearest = NearestNeighbors(n_neighbors=1).fit(codes)
    found = nearest.kneighbors(asked, return_distance=False)[:, 0]
    return (train.truth[known[found]] == test.truth[rows]).astype(np.float64)


MEASURES: dict[str, Measure] = {
    "accuracy": Measure(("classifier",), "test accuracy", "share", True, True, _right),
    "elbo": Measure(("amortized vae",), "test ELBO", "nats", True, False, _elbo),
    "squared-error": Measure(
        ("autoencoder", "amortized vae"), "squared error", "", False, False, _squared_error
    ),
    "neighbours": Measure(
        ("autoencoder", "amortized vae", "classifier", "contrastive"),
        "accuracy of the nearest neighbour by codes",
        "share",
        True,
        True,
        _neighbour_is_right,
    ),
}
"""By name, in the order in which one is chosen that all runs have."""


def chosen(kinds: Collection[str]) -> str:
    """The first measure that models of all these kinds have, as a run's `learn` names them.

    >>> chosen(["vae"]), chosen(["vae", "autoencoder"]), chosen(["vae", "contrastive"])
    ('elbo', 'squared-error', 'neighbours')
    """
    return next(
        name
        for name, measure in MEASURES.items()
        if set(kinds) <= {able.split()[-1] for able in measure.of}
    )


@dataclass(frozen=True)
class Scored:
    """The measure under one run, (n,)."""

    score: Floats


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        by: the name of the measure.
        setting: by run, "name: value" of each setting in which runs differ.
    """

    by: str
    setting: dict[str, tuple[str, ...]]
    test_images: InTable[OfImages[Scored]]


def measure(runs: Runs, asked: Compare) -> Numbers:
    """The measure of every run on the same test images."""
    saved = {name: runs[name] for name in asked.runs}
    by = asked.by or chosen({run.config.learn for run in saved.values()})
    used, test = MEASURES[by], runs.test
    rows = compared(test, "test", with_label=used.labels)
    score = {name: Scored(used.per_image(run, runs, test, rows)) for name, run in saved.items()}
    return Numbers(by, differing(saved), OfImages(rows, None, score))


def differing(saved: Mapping[str, SavedRun]) -> dict[str, tuple[str, ...]]:
    """By run, the settings in which they differ, as "name: value"; "" where a run has none."""
    settings = {name: dict(_flat(_settings(run))) for name, run in saved.items()}
    keys = dict.fromkeys(key for one in settings.values() for key in one)
    apart = [key for key in keys if len({repr(one.get(key)) for one in settings.values()}) > 1]
    return {
        name: tuple(f"{key}: {one.get(key, '')}" for key in apart) for name, one in settings.items()
    }


def _settings(run: SavedRun) -> dict[str, Any]:
    objective = run.objective_table.model_dump() if run.config.learn != "classifier" else {}
    schedule = run.schedule
    training = {"batch_size": schedule.batch_size, "updates": schedule.updates}
    model = run.config.model_dump(exclude={"shape", "n_classes"})
    return model | {"objective": objective, "rate": schedule.rate, **training}


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Nested settings by dotted names."""
    flat: list[tuple[str, Any]] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat += _flat(value, f"{before}{name}.")
        else:
            flat.append((before + name, value))
    return flat


class Found(OverSeeds[Numbers, Compare]):
    """The runs over all seeds."""

    @property
    def measure(self) -> Measure:
        """What they are compared by."""
        return MEASURES[self.first.by]

    @cached_property
    def scores(self) -> dict[str, Measured]:
        """The measure by run, before its mean is taken."""

        def of(name: str) -> Measured:
            return self.seeds.measured(
                lambda one: one.test_images.of[name].score, self.measure.unit
            )

        return {name: of(name) for name in self.asked.runs}

    @cached_property
    def best(self) -> Best:
        """Which is best, and what is known of its lead."""
        return best({n: one if self.measure.higher else -one for n, one in self.scores.items()})

    @cached_property
    def numbers(self) -> dict[str, Number]:
        leads = {f"{self.best.best}-ahead-of-{n}": d for n, d in self.best.differences.items()}
        scores = {f"{name}.{self.first.by}": one for name, one in self.scores.items()}
        return {"lead": self.best.lead, **means(scores), **leads}

    @property
    def factors(self) -> list[str]:
        """The settings in which the runs differ."""
        first = self.first.setting[self.asked.runs[0]]
        return [setting.partition(": ")[0] for setting in first]
