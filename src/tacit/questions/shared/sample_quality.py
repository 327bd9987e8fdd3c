"""How near sets of images come to the test images: kernel distances on features of two networks.

One network is a classifier of the study, whose features know what is drawn; the other has random
weights and knows nothing of any class. Beside every distance stand two floors: that of training
images, which no model can be expected to beat, and that of a model's own reconstructions, which is
what its decoder makes of the right codes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.formatting import show
from tacit.measures.kernels import kernel_distance
from tacit.measures.number import Number, undefined
from tacit.models.models import Classifier
from tacit.models.networks import ConvEncoder, Encoder
from tacit.questions.base import Measurement, Runs
from tacit.questions.shared.majority_class import against_it, share_right
from tacit.questions.shared.outputs import class_scores, comparable, labelled
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.training.evaluation import sample_of
from tacit.training.many import of_rows

AT_MOST, AT_LEAST = 1000, 3
"""Images a side."""

PERMUTATIONS = 200

CLASSIFIER, RANDOM = "classifier", "random"
RIGHT, BLIND = "classifier right", "always most frequent"
"""Whether the classifier is right on each labelled test image; how often one class would be."""

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


class SampleQuality:
    """Measures sets of images against the test images, always as many a side.

    Attributes:
        size: images a side: all there are of the smallest set, at most 1,000.
        learned: rows of the training images that are compared (and reconstructed), (size,).
        found: what was measured: values ``NETWORK/SET`` and ``NETWORK/SET/p``, arrays
            ``NETWORK/SET/influence`` and ``NETWORK/SET/null``; `RIGHT` and `BLIND` of a classifier.

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
        self.found = Measurement({"images a side": self.size})
        self._seed = runs.seed
        training = smallest.scaled(self.learned)
        networks = {RANDOM: random_network(runs.train.shape, runs.seed)}
        if classifier is not None:
            model = runs[classifier].model()
            assert isinstance(model, Classifier)
            assert isinstance(model.encoder, Encoder)
            networks = {CLASSIFIER: model.encoder.features, **networks}
            self._examine(runs, classifier, model)
        self._features = {name: Features(network, training) for name, network in networks.items()}
        reference = runs.test.scaled(tested)
        self._reference = {name: of(reference) for name, of in self._features.items()}
        self.add(TRAINING, training)

    def _examine(self, runs: Runs, name: str, model: Classifier) -> None:
        """Note how good the classifier is: features of one that learned nothing decide nothing."""
        run, tested = runs[name], labelled(runs.test)
        learned = runs.images_of(run)
        seen = comparable(run, learned, "train")
        if len(tested) and runs.test.labels is not None and learned.labels is not None:
            truth = runs.test.labels[tested]
            answered = class_scores(model, runs.test, tested).argmax(axis=1)
            self.found.arrays[RIGHT] = (answered == truth).astype(np.int64)
            self.found.values[BLIND] = share_right(learned.labels[seen], truth)

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
            distance = kernel_distance(
                features(images), self._reference[network], rng, permutations=PERMUTATIONS
            )
            key = f"{network}/{name}"
            self.found.values |= {key: distance.value, f"{key}/p": distance.p_value}
            self.found.arrays |= {
                f"{key}/influence": distance.influence,
                f"{key}/null": distance.null,
            }


def on_features(network: str) -> str:
    """The features of one of the networks, in words."""
    return {CLASSIFIER: "the classifier's features", RANDOM: "a random network's features"}[network]


def networks_of(measured: Mapping[int, Measurement]) -> tuple[str, ...]:
    """The networks whose features were looked at, the one that decides first."""
    names = {key.split("/")[0] for m in measured.values() for key in m.values if "/" in key}
    return tuple(name for name in (CLASSIFIER, RANDOM) if name in names) or (RANDOM,)


def contrast(
    measured: Mapping[int, Measurement],
    network: str,
    sets: Sequence[str],
    minus: Sequence[str] = (),
) -> Number:
    """The sum of the distances of some sets minus that of others, with its interval.

    Every seed holds its sets against the same test images, row by row: the interval counts those
    rows (jackknife pseudo-values, whose mean is the distance) and seeds together.

    Args:
        measured: by seed.
        network: on whose features.
        sets, minus: names as they were added.
    """
    signs = {f"{network}/{name}": 1 for name in sets} | {f"{network}/{n}": -1 for n in minus}
    if any(key not in m.values for m in measured.values() for key in signs):
        size = min(round(m.values["images a side"]) for m in measured.values())
        return undefined(f"{size} images a side; a kernel distance needs {AT_LEAST}")
    rows = [
        np.sum([sign * m.floats(f"{key}/influence") for key, sign in signs.items()], axis=0)
        for m in measured.values()
    ]
    images = {"image": "images a side"}
    return Measured.of_seeds(rows, names=images, paired=bool(minus)).mean()


def null_quantile(measured: Mapping[int, Measurement], network: str, name: str) -> Number:
    """97.5 % of the distance under random relabelling, averaged over seeds."""
    key = f"{network}/{name}/null"
    nulls = [np.asarray(m.arrays[key], np.float64) for m in measured.values() if key in m.arrays]
    if not nulls:
        return undefined("too few images")
    value = float(np.mean([np.quantile(null, 0.975) for null in nulls]))
    interval = f"97.5 % of {len(nulls[0])} relabellings" + (
        f", mean over {len(nulls)} seeds" if len(nulls) > 1 else ""
    )
    return Number(value, n=len(nulls[0]), interval=interval)


def largest_p(measured: Mapping[int, Measurement], network: str, name: str) -> Number:
    """The permutation p-value of the seed in which it is largest."""
    key = f"{network}/{name}/p"
    values = [m.values[key] for m in measured.values() if key in m.values]
    if not values:
        return undefined("too few images")
    seeds = f"the largest of {len(values)} seeds, " if len(values) > 1 else ""
    return Number(max(values), n=len(values), interval=f"{seeds}permutation test")


def no_better_than_one_class(measured: Mapping[int, Measurement]) -> tuple[str, ...]:
    """What to be careful of where the classifier may have learned nothing.

    Nothing is said where none was looked at, and of measurements from before this was asked.
    """
    right = {
        seed: Measured(found.floats(RIGHT), ("image",), "accuracy").mean()
        for seed, found in measured.items()
        if BLIND in found.values
    }
    blind = {
        seed: number
        for seed, number in right.items()
        if against_it(number, measured[seed].values[BLIND]) != "better"
    }
    if not blind:
        return ()
    (seed, number), *rest = blind.items()
    of = f" of seed {seed}" if len(measured) > 1 else ""
    more = ", ".join(str(other) for other, _ in rest)
    others = f" (nor with {'seed' if len(rest) == 1 else 'seeds'} {more})" if rest else ""
    return (
        f"The classifier{of} is right on {show(number)} of {number.n:,} test images, and always "
        f"answering the class that is most frequent in training would be on "
        f"{100 * measured[seed].values[BLIND]:.0f} %: it is not distinguishably better than "
        f"that{others}, so that its features may know nothing of what is drawn. Believe the random "
        "network's features sooner, or train the classifier longer.",
    )
