"""What a method of using labels is: what it may know, what it answers, and what is told of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.labels.draws import Labelled
from tacit.labels.networks import Recipe
from tacit.labels.propagation.graph import neighbour_graph
from tacit.labels.representations import Represented
from tacit.models.config import AnyNetwork
from tacit.models.models import Classifier
from tacit.training.examples import Examples

Scores = NDArray[np.floating[Any]]
Reads = Literal["codes", "images", "encoder", "classifier"]
Family = Literal["codes", "network", "propagation"]
Made = TypeVar("Made")

TINY = float(np.finfo(np.float32).tiny)
"""Nothing is cut off that a temperature could bring back: a network's logits may be far apart."""


@dataclass
class Problem:
    """What a method may know, besides the labels of its trials.

    Attributes:
        pool: the images among which labels are given, without their labels.
        new: images to answer for; the pool itself where answers are for its other images.
        seen: both as codes.
        n_classes: how many classes there are.
        shares: of the classes, (n_classes,), for methods that take them; None where they are to be
            estimated from the graph.
        slack: by what part of itself a class's share may differ from that.
        recipe: how a network is trained; None where none is.
        seed: of all that is random.
        trained: the run's own classifier, for methods that read one.
    """

    pool: Examples
    new: Examples
    seen: Represented
    n_classes: int
    shares: NDArray[np.float64] | None = None
    slack: float = 0.0
    recipe: Recipe | None = None
    seed: int = 0
    trained: Classifier | None = None
    _made: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def graph(self) -> sparse.csr_array:
        """The neighbour graph of the pool, made once for all trials, and for all copies of this."""
        return self.once("graph", lambda: neighbour_graph(self.seen.pool))

    @property
    def within(self) -> bool:
        """Whether the images to answer for are those of the pool."""
        return self.new is self.pool

    def settled(self) -> "Problem":
        """A copy that keeps the graph, and forgets what methods made for their trials."""
        kept: dict[Hashable, Any] = {k: made for k, made in self._made.items() if k == "graph"}
        return replace(self, _made=kept)

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What a method makes of the pool for all its trials, made when it is first needed."""
        if name not in self._made:
            self._made[name] = make()
        made: Made = self._made[name]
        return made


@dataclass(frozen=True)
class Answered:
    """A method's answers in one trial.

    Attributes:
        trial: which of the trials.
        new: scores of the classes for each new image, (M, K); the highest is the answer.
        pool: the same for the pool's own images, (N, K), where the method answers for
            them.
        settings: what was chosen within the labels, by name.
        scaled: gives `new` as probabilities with a temperature fitted within the labels, (M, K);
            None where none could be. Fitted when it is asked for: it takes as long as the answers.
        model: the classifier of images that answered, where it is one.
    """

    trial: int
    new: Scores
    pool: Scores | None = None
    settings: dict[str, float] = field(default_factory=dict)
    scaled: Callable[[], Scores | None] = lambda: None
    model: Classifier | None = None


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """From a trial's labels to answers for all other images.

    A method is given what may be known and nothing else: images without labels, and each trial's
    own `Labelled`. What it answers is compared with the truth elsewhere. A new one is a subclass in
    a file of its own, and one line in `tacit.labels.methods`.

    Attributes:
        name: in study files and names of numbers.
        short: for figures. words: for sentences, where {codes} stands for what it reads.
        family: "codes" as they are, "network" that is trained, or "propagation" over a graph.
        reads: "codes" of any representation, "images" alone, a run's "encoder", or the
            "classifier" that a run is.
        confident: whether scores are probabilities.
        transductive: whether it looks at the pool's images without a label while it learns, and
            answers for them.
        oracle: whether it has seen all labels: something to compare with, which cannot win.
        then_trained: of a method that answers for the images of its graph alone, the one whose
            network learns its answers, and so has answers for other images; "" for any other.
        recipe: how it trains a network; None where it trains none.
        recipe_elsewhere: how it trains on an encoder from elsewhere; None where it does not.
        preference: among methods that these labels cannot tell apart, the lowest is recommended;
            None for what is there to compare with only.
        tuned_on: names of the sets on whose labels its settings were chosen. Its accuracy on them
            is no evidence of what it does elsewhere.
        passes, images: roughly how much work a trial is beside the training of networks, in passes
            over the pool and in images that a network looks at.
    """

    name: str
    short: str
    words: str
    family: Family
    reads: Reads = "codes"
    confident: bool = False
    transductive: bool = False
    oracle: bool = False
    then_trained: str = ""
    recipe: Recipe | None = None
    recipe_elsewhere: Recipe | None = None
    preference: int | None = None
    tuned_on: tuple[str, ...] = ()
    passes: float = 0.0
    images: float = 0.0

    @abstractmethod
    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        """Answers, in order, of the `wanted` ones of all `trials` of a budget."""

    def logits(self, scores: Scores) -> NDArray[np.float32]:
        """What a temperature divides: scores, or the logarithms of those that are probabilities."""
        found = np.log(np.maximum(scores, TINY)) if self.confident else scores
        return np.asarray(found, np.float32)

    def classifier(
        self, problem: Problem, answered: Answered, labelled: Labelled
    ) -> Classifier | None:
        """A classifier of images behind the answers to one trial; None where there is none.

        By default the network that answered.
        """
        return answered.model

    def network(self, recipe: Recipe | None, encoder: AnyNetwork | None) -> AnyNetwork | None:
        """The network of the encoder in `classifier`.

        Args:
            recipe: how a network was trained, where one was.
            encoder: the network that made the codes, where one did.
        """
        return encoder if recipe is None else recipe.network

    def work(self, n_labels: int, n_pool: int, recipe: Recipe | None) -> float:
        """Roughly how much work a trial is, in images that the networks of a study look at.

        Those networks are trained with a decoder, or on more; to learn from an image here costs
        about what it costs to look at one there.
        """
        learned = n_pool if self.transductive else n_labels
        trained = 0 if recipe is None else recipe.images(learned)
        return self.images + self.passes * n_pool + trained

    @property
    def takes_shares(self) -> bool:
        """Whether it uses the shares of the classes."""
        return False

    @property
    def from_scratch(self) -> bool:
        """Whether it learns from the labelled images and nothing else."""
        return self.reads == "images" and not self.transductive
