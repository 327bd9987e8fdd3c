"""Methods to use few labels, by name: from a trial's labels to answers for all other images.

A method is given what may be known and nothing else: images without labels, and each trial's own
`Labelled`. What it answers is compared with the truth elsewhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.labels.calibration import as_logits, fit_temperature
from tacit.labels.draws import Labelled
from tacit.labels.heads import linear as heads
from tacit.labels.networks import (
    AUGMENTED,
    FROM_SCRATCH,
    ON_PROPAGATED,
    Recipe,
    class_probabilities,
    hard_targets,
    train_network,
    train_on_targets,
)
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.propagate import extend, propagate
from tacit.labels.representations import Represented
from tacit.models.models import Classifier
from tacit.training.examples import Examples

MethodName = Literal[
    "nearest",
    "logistic",
    "fine-tune",
    "scratch",
    "scratch-augmented",
    "laplace",
    "poisson",
    "poisson-mbo",
    "propagate-then-train",
    "poisson-then-train",
    "laplace-then-train",
    "all-labels",
]

Propagation = Literal["laplace", "poisson", "poisson-mbo"]

Scores = NDArray[np.floating[Any]]

STRENGTHS = heads.STRENGTHS[:-1]
"""Of logistic regression; the largest takes as long as all others, and is hardly ever chosen."""


@dataclass
class Problem:
    """What a method may know, besides the labels of its trials.

    Attributes:
        pool: the images among which labels are given, without their labels.
        new: images to answer for; the pool itself where answers are for its other images.
        seen: both as codes.
        n_classes: how many classes there are.
        shares: of the classes, (n_classes,), for methods with Poisson MBO.
        slack: by what part of itself a class's share may differ from that.
        recipe: how a network is trained; None where none is.
        seed: of all that is random.
    """

    pool: Examples
    new: Examples
    seen: Represented
    n_classes: int
    shares: NDArray[np.float64] | None = None
    slack: float = 0.0
    recipe: Recipe | None = None
    seed: int = 0

    @cached_property
    def graph(self) -> sparse.csr_array:
        """The neighbour graph of the pool, made once for all trials."""
        return neighbour_graph(self.seen.pool)

    @property
    def within(self) -> bool:
        """Whether the images to answer for are those of the pool."""
        return self.new is self.pool


@dataclass(frozen=True)
class Answered:
    """A method's answers in one trial.

    Attributes:
        trial: which of the trials.
        new: scores of the classes for each new image, (M, K); the highest is the answer.
        pool: the same for the pool's own images, (N, K), where the method answers for
            them.
        settings: what was chosen within the labels, by name.
        scaled: `new` as probabilities with a temperature fitted within the labels, (M, K).
        model: the network that answered, where one was trained.
    """

    trial: int
    new: Scores
    pool: Scores | None = None
    settings: dict[str, float] = field(default_factory=dict)
    scaled: Scores | None = None
    model: Classifier | None = None


Method = Callable[[Problem, Sequence[Labelled], Sequence[int]], Iterator[Answered]]
"""Called with the problem, all trials of a budget, and which of them are wanted."""


def by_nearest(
    problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
) -> Iterator[Answered]:
    """The class of the nearest labelled code."""
    seen = problem.seen
    found = heads.nearest(seen.pool, trials, problem.n_classes, seen.new)
    return (Answered(t, found[t]) for t in wanted)


def by_logistic(
    problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
) -> Iterator[Answered]:
    """Logistic regression on codes, its strength chosen within the labels where that can be.

    So is the temperature of its confidence, by heads of that strength and fewer labels.
    """
    seen = problem.seen
    fitted = heads.fit_logistic(seen.pool, trials, problem.n_classes, strengths=STRENGTHS)
    found = fitted.probabilities(seen.new)
    for t in wanted:
        strength, chosen = float(fitted.strengths[t]), bool(fitted.chosen[t])

        def held_out(
            learned: Labelled, rows: NDArray[np.int64], strength: float = strength
        ) -> Scores:
            (answers,) = heads.logistic(
                seen.pool,
                [learned],
                problem.n_classes,
                seen.pool[rows],
                strengths=[strength],
                fixed=strength,
            )
            return as_logits(answers)

        temperature = fit_temperature(trials[t], problem.n_classes, held_out, seed=problem.seed)
        scaled = (
            None if temperature.value is None else temperature.probabilities(as_logits(found[t]))
        )
        settings = {"strength": strength, "strength-chosen": float(chosen)}
        yield Answered(t, found[t], settings=settings, scaled=scaled)


def by_network(
    problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
) -> Iterator[Answered]:
    """A network trained on the labelled images alone; from an encoder where the codes have one."""
    for t in wanted:
        model = train_network(
            problem.pool,
            trials[t],
            problem.n_classes,
            recipe=problem.recipe or FROM_SCRATCH,
            encoder=problem.seen.encoder,
            seed=problem.seed,
        )
        yield Answered(t, class_probabilities(model, problem.new), model=model)


def by_propagation(method: Propagation) -> Method:
    """Labels spread over the graph of all images of the pool; new ones ask their neighbours."""

    def answers(
        problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        scores = propagate(
            problem.graph,
            trials,
            problem.n_classes,
            method=method,
            shares=problem.shares,
            slack=problem.slack,
        )
        seen = problem.seen
        new = scores if problem.within else extend(seen.pool, scores, seen.new)
        return (Answered(t, new[t], scores[t]) for t in wanted)

    return answers


def by_propagation_then_network(method: Propagation) -> Method:
    """Labels spread over the graph, then a network that learns what was spread to all images."""

    def answers(
        problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        if not wanted:
            return
        scores = propagate(
            problem.graph,
            trials,
            problem.n_classes,
            method=method,
            shares=problem.shares,
            slack=problem.slack,
        )
        for t in wanted:
            model = train_on_targets(
                problem.pool,
                hard_targets(scores[t], trials[t]),
                recipe=problem.recipe or ON_PROPAGATED,
                seed=problem.seed,
            )
            yield Answered(t, class_probabilities(model, problem.new), model=model)

    return answers


@dataclass(frozen=True)
class MethodTold:
    """A method with what people are told of it.

    Attributes:
        answers: the method; None where all labels are used by the run itself.
        short: for figures. words: for sentences.
        family: "codes" as they are, "network" that is trained, or "propagation" over a graph.
        confident: whether scores are probabilities.
        passes, images: roughly how much work a trial is beside the training of networks, in passes
            over the pool and in images that a network looks at.
    """

    answers: Method | None
    short: str
    words: str
    family: Literal["codes", "network", "propagation"]
    confident: bool = False
    passes: float = 0.0
    images: float = 0.0


METHODS: dict[MethodName, MethodTold] = {
    "nearest": MethodTold(by_nearest, "nearest neighbour", "the nearest neighbour", "codes"),
    "logistic": MethodTold(
        by_logistic, "logistic", "logistic regression", "codes", confident=True, images=5000
    ),
    "fine-tune": MethodTold(
        by_network,
        "fine-tuned",
        "fine-tuning the encoder of",
        "network",
        confident=True,
    ),
    "scratch": MethodTold(
        by_network,
        "from scratch",
        "a network trained from scratch",
        "network",
        confident=True,
    ),
    "scratch-augmented": MethodTold(
        by_network,
        "from scratch + augmentation",
        "a network trained from scratch on augmented images",
        "network",
        confident=True,
    ),
    "laplace": MethodTold(
        by_propagation("laplace"), "Laplace", "Laplace propagation", "propagation", passes=0.3
    ),
    "poisson": MethodTold(
        by_propagation("poisson"), "Poisson", "Poisson propagation", "propagation", passes=0.3
    ),
    "poisson-mbo": MethodTold(
        by_propagation("poisson-mbo"),
        "Poisson MBO",
        "Poisson MBO propagation",
        "propagation",
        passes=1.5,
    ),
    "propagate-then-train": MethodTold(
        by_propagation_then_network("poisson-mbo"),
        "Poisson MBO + network",
        "Poisson MBO propagation and a network trained on its labels",
        "propagation",
        confident=True,
        passes=1.5,
    ),
    "poisson-then-train": MethodTold(
        by_propagation_then_network("poisson"),
        "Poisson + network",
        "Poisson propagation and a network trained on its labels",
        "propagation",
        confident=True,
        passes=0.3,
    ),
    "laplace-then-train": MethodTold(
        by_propagation_then_network("laplace"),
        "Laplace + network",
        "Laplace propagation and a network trained on its labels",
        "propagation",
        confident=True,
        passes=0.3,
    ),
    "all-labels": MethodTold(None, "all labels", "which has all labels", "network", confident=True),
}
"""All methods. A new one is a function and a row here."""

FROM_PIXELS = ("scratch", "scratch-augmented")
"""Methods that read images and no codes."""

NETWORK_OF: dict[MethodName, MethodName] = {
    "poisson-mbo": "propagate-then-train",
    "poisson": "poisson-then-train",
    "laplace": "laplace-then-train",
}
"""Methods that answer for the images of their graph alone, and those whose network learns their
answers, and so has answers for other images."""

PROPAGATING = (*NETWORK_OF, *NETWORK_OF.values())
"""Methods that spread labels over the graph of the pool."""

TAKE_SHARES = ("poisson-mbo", "propagate-then-train")
"""Methods that use the class shares; classes count as equally frequent where nothing is said."""

RECIPES: dict[str, Recipe] = {
    "fine-tune": FROM_SCRATCH,
    "scratch": FROM_SCRATCH,
    "scratch-augmented": AUGMENTED,
    **dict.fromkeys(NETWORK_OF.values(), ON_PROPAGATED),
}
"""How methods that train a network train it."""
