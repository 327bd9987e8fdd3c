"""How near sets of images come to the test images: kernel distances on features of two networks.

One network is a classifier of the study, whose features know what is drawn; the other has random
weights and knows nothing of any class. Beside every distance stand two floors: that of training
images, which no model can be expected to beat, and that of a model's own reconstructions, which is
what its decoder makes of the right codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.formatting import show
from tacit.measures.intervals import decide
from tacit.measures.kernels import kernel_distance
from tacit.measures.number import Number, undefined
from tacit.models.models import Classifier
from tacit.models.networks import ConvEncoder, Encoder
from tacit.questions.base import Runs
from tacit.questions.shared.majority_class import against_it, share_right
from tacit.questions.shared.outputs import class_scores, comparable, labelled
from tacit.questions.shared.seeds import Seeds
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.training.evaluation import sample_of
from tacit.training.many import of_rows

AT_MOST, AT_LEAST = 1000, 3
"""Images a side."""

PERMUTATIONS = 200

CLASSIFIER, RANDOM = "classifier", "random"
TRAINING = "training images"


class Features:
    """A network's penultimate features, centred on and scaled to those of given images.

    Without it the size of a distance would be that of the network's weights.

    Args:
        network: images (n, C, H, W) to features (n, d).
        images: float32 in [0, 1]; their features have mean zero and, over all dimensions
            together, variance one.
    """

    def __init__(self, network: nn.Module, images: NDArray[np.float32]) -> None:
        self.network = network
        self.centre, self.scale = np.zeros(1), 1.0
        features = self(images)
        self.centre = features.mean(axis=0)
        self.scale = float(np.sqrt(features.var(axis=0).mean())) or 1.0

    def __call__(self, images: NDArray[np.float32]) -> Floats:
        """Features, (n, d) float64, of images, (n, C, H, W) in [0, 1]."""
        features = of_rows(self.network, torch.from_numpy(images))
        return (features.double().numpy() - self.centre) / self.scale


def random_network(shape: tuple[int, int, int], seed: int) -> nn.Module:
    """The features of a `ConvEncoder` with the weights it is initialised with."""
    with seeded_initialisation(seed, "random features"):
        return ConvEncoder(shape, 1).features.eval()


@dataclass(frozen=True)
class Distance:
    """Of one set from the test images, on one network's features.

    Attributes:
        influence: pseudo-values by row, (n,), whose mean is the distance.
        null: the distance under random relabelling, (P,). p: of the permutation test.
    """

    influence: Floats
    null: Floats
    p: float


@dataclass(frozen=True)
class Examined:
    """How good the classifier is: features of one that learned nothing decide nothing.

    Attributes:
        right: 1 where it is right on a labelled test image, (m,). blind: how often always answering
            the class that is most frequent in training would be.
    """

    right: NDArray[np.int64]
    blind: float


@dataclass(frozen=True)
class Quality:
    """What is measured of sets of images on one seed.

    Attributes:
        size: images a side.
        distance: by network and set; none where there are fewer than `AT_LEAST` images a side.
        examined: of the classifier, where test images have labels.
    """

    size: int
    distance: dict[str, dict[str, Distance]]
    examined: Examined | None


class SampleQuality:
    """Measures sets of images against the test images, always as many a side.

    Attributes:
        learned: rows of the training images that are compared (and reconstructed), (size,).
        found: what was measured.

    Args:
        runs: the images, and the classifier.
        learned: the images that the models learned from; of several sets all have these rows.
        classifier: the run whose features are looked at beside a random network's; None for none.
    """

    def __init__(self, runs: Runs, learned: Sequence[Images], classifier: str | None) -> None:
        self.size = min(AT_MOST, len(runs.test), *(len(images) for images in learned))
        smallest = min(learned, key=len)
        # Images belong to the data: every seed and every run is held against the same ones.
        self.learned = sample_of(len(smallest), "compared", "train", size=self.size)
        tested = sample_of(len(runs.test), "compared", "test", size=self.size)
        self._seed = runs.seed
        training = smallest.scaled(self.learned)
        networks = {RANDOM: random_network(runs.train.shape, runs.seed)}
        examined = None
        if classifier is not None:
            model = runs[classifier].model_as(Classifier)
            assert isinstance(model.encoder, Encoder)
            networks = {CLASSIFIER: model.encoder.features, **networks}
            examined = _examined(runs, classifier, model)
        self.found = Quality(self.size, {}, examined)
        self._features = {name: Features(network, training) for name, network in networks.items()}
        reference = runs.test.scaled(tested)
        self._reference = {name: of(reference) for name, of in self._features.items()}
        self.add(TRAINING, training)

    def add(self, name: str, images: NDArray[np.float32]) -> None:
        """Measure one set, (size, C, H, W) in [0, 1], on all networks.

        Sets are compared in the order of their rows, so what belongs to one row (a training image
        and its reconstruction, two models' pictures of one draw) is paired.
        """
        if self.size < AT_LEAST:
            return
        for network, features in self._features.items():
            # One stream for all sets: the same relabellings, so that nulls differ by images alone.
            rng = numpy_stream(self._seed, "relabelled", network)
            one = kernel_distance(
                features(images), self._reference[network], rng, permutations=PERMUTATIONS
            )
            sets = self.found.distance.setdefault(network, {})
            sets[name] = Distance(one.influence, one.null, one.p_value)


def _examined(runs: Runs, name: str, model: Classifier) -> Examined | None:
    run, tested = runs[name], labelled(runs.test)
    learned = runs.images_of(run)
    if not len(tested) or runs.test.labels is None or learned.labels is None:
        return None
    truth = runs.test.labels[tested]
    right = class_scores(model, runs.test, tested).argmax(axis=1) == truth
    seen = learned.labels[comparable(run, learned, "train")]
    return Examined(right.astype(np.int64), share_right(seen, truth))


def on_features(network: str) -> str:
    """The features of one of the networks, in words."""
    return {CLASSIFIER: "the classifier's features", RANDOM: "a random network's features"}[network]


def agreement(numbers: Sequence[Number]) -> str:
    """Whether verdicts on two networks agree, as a verb."""
    return "agree" if len({decide(number) for number in numbers}) == 1 else "do not agree"


@dataclass(frozen=True)
class Qualities(Seeds[Quality]):
    """What is measured of sets of images on every seed."""

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks whose features were looked at, the one that decides first."""
        looked_at = tuple(name for name in (CLASSIFIER, RANDOM) if name in self.first.distance)
        return looked_at or (RANDOM,)

    def contrast(self, network: str, sets: Sequence[str], minus: Sequence[str] = ()) -> Number:
        """The sum of the distances of some sets minus that of others, with its interval.

        Every seed holds its sets against the same test images, row by row: the interval counts
        those rows (jackknife pseudo-values, whose mean is the distance) and seeds together.

        Args:
            network: on whose features.
            sets, minus: names as they were added.
        """
        signs = dict.fromkeys(sets, 1) | dict.fromkeys(minus, -1)
        if any(name not in one.distance.get(network, {}) for one in self for name in signs):
            size = min(one.size for one in self)
            return undefined(f"{size} images a side; a kernel distance needs {AT_LEAST}")

        def rows(one: Quality) -> Floats:
            found = one.distance[network]
            return np.sum([sign * found[name].influence for name, sign in signs.items()], axis=0)

        return self.measured(rows, images="images a side", paired=bool(minus)).mean()

    def null_quantile(self, network: str, name: str) -> Number:
        """97.5 % of the distance under random relabelling, averaged over seeds."""
        nulls = [one.null for one in self._distances(network, name)]
        if not nulls:
            return undefined("too few images")
        value = float(np.mean([np.quantile(null, 0.975) for null in nulls]))
        mean = f", mean over {len(nulls)} seeds" if len(nulls) > 1 else ""
        interval = f"97.5 % of {len(nulls[0])} relabellings{mean}"
        return Number(value, n=len(nulls[0]), interval=interval)

    def largest_p(self, network: str, name: str) -> Number:
        """The permutation p-value of the seed in which it is largest."""
        values = [one.p for one in self._distances(network, name)]
        if not values:
            return undefined("too few images")
        of = f"the largest of {len(values)} seeds, " if len(values) > 1 else ""
        return Number(max(values), n=len(values), interval=f"{of}permutation test")

    def _distances(self, network: str, name: str) -> list[Distance]:
        sets = [one.distance.get(network, {}) for one in self]
        return [each[name] for each in sets if name in each]


def no_better_than_one_class(seeds: Seeds[Quality]) -> str:
    """What to be careful of where the classifier may have learned nothing; "" where it has."""
    blind = []
    for seed, one in seeds.by_seed.items():
        if one.examined is not None:
            right = Measured(one.examined.right.astype(np.float64), ("image",), "accuracy").mean()
            if against_it(right, one.examined.blind) != "better":
                blind.append((seed, right, one.examined.blind))
    if not blind:
        return ""
    (seed, number, share), *rest = blind
    of = f" of seed {seed}" if len(seeds) > 1 else ""
    more = ", ".join(str(other) for other, *_ in rest)
    others = f" (nor with {'seed' if len(rest) == 1 else 'seeds'} {more})" if rest else ""
    return (
        f"The classifier{of} is right on {show(number)} of {number.n:,} test images, and always "
        f"answering the class that is most frequent in training would be on {100 * share:.0f} %: "
        f"it is not distinguishably better than that{others}, so that its features may know "
        "nothing of what is drawn. Believe the random network's features sooner, or train the "
        "classifier longer."
    )
