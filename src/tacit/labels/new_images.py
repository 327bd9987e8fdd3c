"""A classifier for images that nobody has seen yet, from very few labels and many images.

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

from tacit.labels.draws import Labelled
from tacit.labels.networks import (
    ON_PROPAGATED,
    Recipe,
    class_probabilities,
    train_on_targets,
)
from tacit.labels.propagation.relaxation import propagate_with_estimated_shares
from tacit.models.models import Classifier
from tacit.streams import stream_seed
from tacit.training.examples import Examples

NO_CLASS = -1
"""Where opinions differ."""

BEGIN: Recipe = ON_PROPAGATED.first or ON_PROPAGATED
GO_ON = ON_PROPAGATED.model_copy(update={"first": None})
END = GO_ON.model_copy(update={"epochs": 8})


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
    begin: Recipe = BEGIN,
    go_on: Recipe = GO_ON,
    end: Recipe = END,
    seed: int,
) -> Iterator[Step]:
    """Step by step to a network that classifies new images: the last step's.

    Args:
        images: the pool; of its labels none is read.
        graphs: `neighbour_graph` of the pool by one or more kinds of codes; they serve all trials.
        labelled: the trial.
        n_classes: how many classes there are. Their shares are taken as equal, then estimated.
        begin: how the network is trained first; its network and code are those of `go_on`.
        go_on, end: how it is trained on, twice.
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
    begin = begin.model_copy(update={"network": go_on.network, "latent_dim": go_on.latent_dim})
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
