"""A network for new images, from very few labels and many images, by opinions that agree.

A trial's labels are propagated over several graphs of the same images. Where the graphs agree they
are seldom wrong; a network learns from these images alone, then says itself what it holds of them,
and goes on with those that it agrees on as well, with a loss that forgives what is still wrong. By
then it errs less than any graph: it ends with all images of which at least one graph says the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.labels.clusters import cluster_sizes, learn_clusters, side_by_side
from tacit.labels.draws import Labelled
from tacit.labels.methods.base import Answered, Method, Problem
from tacit.labels.networks import (
    ON_PROPAGATED,
    Recipe,
    class_probabilities,
    codes_of,
    train_on_targets,
)
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.propagation.relaxation import propagate_with_estimated_shares
from tacit.models.models import Classifier
from tacit.streams import stream_seed
from tacit.training.examples import Examples

NO_CLASS = -1
"""Where opinions differ."""


def stages(recipe: Recipe) -> tuple[Recipe, Recipe, Recipe]:
    """How the network is trained at first, then on, and at the end, for twice as many epochs."""
    go_on = recipe.model_copy(update={"first": None})
    begin = go_on if recipe.first is None else recipe.first
    begin = begin.model_copy(update={"network": recipe.network, "latent_dim": recipe.latent_dim})
    return begin, go_on, go_on.model_copy(update={"epochs": 2 * recipe.epochs})


@dataclass(frozen=True)
class Step:
    """What one step came to.

    Attributes:
        name: "equal shares 1", "estimated shares 1", …, one of each for each graph; "agreed",
            "first network", "all agreed", "second network", "backed", "network".
        classes: of all images of the pool, (N,); `NO_CLASS` where opinions differ.
        model: the network, where one was trained.
    """

    name: str
    classes: NDArray[np.int64]
    model: Classifier | None = None


def learn_from_few(
    images: Examples,
    graphs: Sequence[sparse.csr_array],
    labelled: Labelled,
    n_classes: int,
    *,
    recipe: Recipe = ON_PROPAGATED,
    seed: int,
) -> Iterator[Step]:
    """Step by step to a network that classifies new images: the last step's.

    Args:
        images: the pool; of its labels none is read.
        graphs: `neighbour_graph` of the pool by one or more kinds of codes; they serve all trials.
        labelled: the trial.
        n_classes: how many classes there are. Their shares are taken as equal, then estimated.
        recipe: how the network is trained, see `stages`.
        seed: of the network.

    Raises:
        ValueError: where there is no graph, and as for `propagate` and `train_on_targets`.
    """
    if not graphs:
        raise ValueError("there is no graph; labels are propagated on one or more")
    opinions = []
    for number, graph in enumerate(graphs, 1):
        rounds = propagate_with_estimated_shares(graph, labelled, n_classes)
        yield Step(f"equal shares {number}", rounds[0])
        yield Step(f"estimated shares {number}", rounds[-1])
        opinions.append(rounds[-1])
    classes = agreed(opinions, labelled)
    yield Step("agreed", classes)
    begin, go_on, end = stages(recipe)
    first = train_on_targets(images, one_hot(classes, n_classes), recipe=begin, seed=seed)
    own = _own(first, images)
    yield Step("first network", own, first)
    classes = agreed([classes, own], labelled)
    yield Step("all agreed", classes)
    targets = one_hot(classes, n_classes)
    second = train_on_targets(images, targets, recipe=go_on, start=first, seed=seed)
    own = _own(second, images)
    yield Step("second network", own, second)
    backed = np.any([own == opinion for opinion in opinions], axis=0)
    classes = np.where(backed, own, NO_CLASS)
    classes[labelled.index] = labelled.y
    yield Step("backed", classes)
    targets, seed = one_hot(classes, n_classes), stream_seed(seed, "end")
    last = train_on_targets(images, targets, recipe=end, start=second, seed=seed)
    yield Step("network", _own(last, images), last)


def agreed(opinions: Sequence[NDArray[np.int64]], labelled: Labelled) -> NDArray[np.int64]:
    """The class that all opinions give an image, (N,); `NO_CLASS` where they differ.

    The images of the trial have their own labels.
    """
    first, *others = opinions
    alike = np.all([first == other for other in others], axis=0) if others else True
    classes = np.where(alike, first, NO_CLASS)
    classes[labelled.index] = labelled.y
    return classes


def one_hot(classes: NDArray[np.integer[Any]], n_classes: int) -> NDArray[np.float32]:
    """Targets of classes, (N, K); a row of 0 for `NO_CLASS`."""
    targets = np.zeros((len(classes), n_classes), np.float32)
    known = np.flatnonzero(classes != NO_CLASS)
    targets[known, classes[known]] = 1
    return targets


def _own(model: Classifier, images: Examples) -> NDArray[np.int64]:
    """The likeliest class of each image, (N,)."""
    return class_probabilities(model, images).argmax(axis=1)


def graphs_of(problem: Problem) -> list[sparse.csr_array]:
    """The graph of the codes, and that of encoders that find clusters of the codes again."""
    codes = problem.seen.pool
    encoders = [
        learn_clusters(problem.pool, codes, n_clusters=n, seed=problem.seed)
        for n in cluster_sizes(len(codes))
    ]
    found = side_by_side([codes_of(encoder, problem.pool) for encoder in encoders])
    return [problem.graph, neighbour_graph(found)]


@dataclass(frozen=True, kw_only=True)
class AgreeThenTrain(Method):
    """Graphs that agree, and a network that learns what they agree on; see `learn_from_few`."""

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        if not wanted:
            return
        assert problem.recipe is not None
        graphs = problem.once("graphs", lambda: graphs_of(problem))
        for t in wanted:
            *_, last = learn_from_few(
                problem.pool,
                graphs,
                trials[t],
                problem.n_classes,
                recipe=problem.recipe,
                seed=problem.seed,
            )
            assert last.model is not None
            new = class_probabilities(last.model, problem.new)
            yield Answered(t, new, model=last.model)

    def work(self, n_labels: int, n_pool: int, recipe: Recipe | None) -> float:
        assert recipe is not None
        trained = sum(stage.images(n_pool) for stage in stages(recipe))
        return self.images + self.passes * n_pool + trained


AGREE_THEN_TRAIN = AgreeThenTrain(
    name="agree-then-train",
    short="agreeing graphs + network",
    words="{codes} with graphs that agree and a network trained on what they agree on",
    family="propagation",
    confident=True,
    transductive=True,
    recipe=ON_PROPAGATED,
    preference=0,
    tuned_on=("mnist",),
    passes=8.0,
)
