"""What question `code-size` measures; which code is enough: the rule, and the numbers it reads."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.evidence.elbo import elbo
from tacit.evidence.observed import observe
from tacit.images.dataset import Images
from tacit.measures.codes import active_units, directions
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.images import squared_error
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.measures.probes import linear_probe, nearest_training_code
from tacit.models.models import VAE, Autoencoder
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.code_size.question import CodeSize
from tacit.questions.shared.codes import posterior
from tacit.questions.shared.outputs import labelled, one_per_class, reconstructions
from tacit.questions.shared.samples import Rows
from tacit.questions.shared.scoring import (
    OVERALL,
    mean_images,
    observed,
    own_posterior,
    picture_log_prob,
)
from tacit.questions.shared.seeds import present
from tacit.questions.typed import OfImages
from tacit.streams import numpy_stream, torch_stream
from tacit.training.evaluation import sample_of

PROBES = {"probe": "linear probe", "nearest": "nearest training code"}

IMAGES, TRAINING_IMAGES, CODES = 5_000, 1_000, 5_000
"""At most so many test images are compared, training images evaluated beside them, and training
codes learned from."""

SAMPLES = 10
"""Draws of q(z | x) for each image's ELBO."""


@dataclass(frozen=True)
class Objectives:
    """Of test images, (n,) each: of a VAE in nats, or of an autoencoder."""

    elbo: Floats | None = None
    kl: Floats | None = None
    squared_error: Floats | None = None

    @property
    def compared(self) -> Floats:
        """What sizes are compared by."""
        return present(self.squared_error if self.elbo is None else self.elbo)


@dataclass(frozen=True)
class Told:
    """1 where an image's class was told from its code, (n,) each; the names of `PROBES`."""

    probe: Rows
    nearest: Rows


@dataclass(frozen=True)
class Tables:
    test_images: OfImages[Objectives]
    classes: OfImages[Told] | None


@dataclass(frozen=True)
class OfRun:
    """Of one size.

    Attributes:
        code: its size. used: active units of a VAE, principal directions of an autoencoder.
        mean_image: the mean objective where everything is decoded to the mean training image.
        train: the mean objective of training images.
        pictures: reconstructions, (n, C, H, W).
    """

    code: int
    used: int
    weights: int
    mean_image: float
    train: float
    pictures: NDArray[np.float32]


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed."""

    run: dict[str, OfRun]
    original: NDArray[np.uint8]
    classes: Rows | None
    table: Tables


def measure(runs: Runs, asked: CodeSize) -> Numbers:
    test = runs.test
    rows = sample_of(len(test), "test", size=IMAGES)
    known, shown = labelled(test), one_per_class(test)
    known = known[sample_of(len(known), "test", size=IMAGES)]
    objective, of = {}, {}
    told: dict[str, Told] = {}
    mean_image = None
    for name in asked.runs:
        run = runs[name]
        model, learned = run.model(), runs.images_of(run)
        assert isinstance(model, VAE | Autoencoder)
        if mean_image is None:
            mean_image = mean_images(learned, [])[OVERALL]
        objective[name] = objectives(model, test, rows, runs.seed, "test")
        seen = sample_of(len(learned), "train", size=TRAINING_IMAGES)
        index = sample_of(len(learned), "codes", size=CODES)
        codes, _ = posterior(model, learned, index)
        is_vae = isinstance(model, VAE)
        of[name] = OfRun(
            code=run.config.latent_dim,
            used=int(active_units(codes).sum()) if is_vae else directions(codes),
            weights=sum(p.numel() for p in model.parameters()),
            mean_image=_of_one_picture(model, test, rows, mean_image),
            train=float(objectives(model, learned, seen, runs.seed, "train").compared.mean()),
            pictures=reconstructions(model, test, shown),
        )
        if learned.labels is not None and len(known):
            found = _told(model, learned, index, codes, test, known)
            told |= {name: found} if found else {}
    return Numbers(
        of,
        test.pixels[shown],
        test.labels_of(shown),
        Tables(
            OfImages(rows, test.labels_of(rows), objective),
            None if test.labels is None else OfImages(known, test.labels[known], told),
        ),
    )


def _told(
    model: VAE | Autoencoder, learned: Images, index: Rows, codes: Floats, test: Images, known: Rows
) -> Told | None:
    """How well codes tell classes; None unless training images of two classes or more have one."""
    with_class = np.isin(index, labelled(learned))
    classes = learned.truth[index][with_class]
    if len(np.unique(classes)) < 2:
        return None
    test_codes, _ = posterior(model, test, known)
    sides = codes[with_class], classes, test_codes, test.truth[known]
    probe, nearest = linear_probe(*sides), nearest_training_code(*sides)
    return Told(probe.astype(np.int64), nearest.astype(np.int64))


@torch.no_grad()
def objectives(
    model: VAE | Autoencoder, images: Images, rows: Rows, seed: int, split: str
) -> Objectives:
    """Per image at `rows`.

    All models of a seed see the same binarised images, and the same noise where codes are of one
    size.
    """
    if isinstance(model, Autoencoder):
        outputs = reconstructions(model, images, rows)
        return Objectives(squared_error=squared_error(images.pixels[rows], outputs))
    data = observed(model, images, rows, seed, split)
    q = own_posterior(model, data, rows)
    found = elbo(model, q, data, n_samples=SAMPLES, generator=torch_stream(seed, "elbo", split))
    return Objectives(elbo=found.elbo, kl=found.kl)


def _of_one_picture(model: VAE | Autoencoder, images: Images, rows: Rows, picture: Floats) -> float:
    """What `objectives` would be of a model that decodes everything to one picture: the mean."""
    if isinstance(model, Autoencoder):
        x = images.scaled(rows).reshape(len(rows), -1)
        return float(np.sum((x - picture) ** 2, axis=1).mean())
    data = observe(model, torch.from_numpy(images.scaled(rows)), torch_stream(0, "mean image"))
    return float(picture_log_prob(model.likelihood, data.x, picture).mean())


class Found(OverSeeds[Numbers, CodeSize]):
    """What was measured of codes of several sizes."""

    def code(self, run: str) -> int:
        return self.first.run[run].code

    @cached_property
    def by_size(self) -> tuple[str, ...]:
        """The runs, the smallest code first."""
        return tuple(sorted(self.asked.runs, key=self.code))

    @property
    def is_vae(self) -> bool:
        return self.first.table.test_images.of[self.asked.runs[0]].elbo is not None

    @property
    def objective(self) -> str:
        """What is compared, in words."""
        return "ELBO" if self.is_vae else "squared error"

    @property
    def unit(self) -> str:
        return "nats" if self.is_vae else ""

    @cached_property
    def choosing(self) -> Rows:
        """The test images, as places in the table, that sizes are chosen on: half of them."""
        return self._halves[0]

    @cached_property
    def reporting(self) -> Rows:
        """The other half; the same where there is a single image."""
        return self._halves[1] if len(self._halves[1]) else self._halves[0]

    @cached_property
    def _halves(self) -> list[Rows]:
        n = len(self.first.table.test_images.index)
        order = numpy_stream(0, "halves of the test images").permutation(n)
        return [np.sort(half) for half in np.array_split(order, 2)]

    def values(self, run: str, images: Rows) -> Measured:
        """The objective of some test images, by seed."""
        return self.seeds.measured(
            lambda one: one.table.test_images.of[run].compared[images], self.unit
        )

    def average(self, run: str) -> Number:
        """The mean objective of reported test images."""
        return self.values(run, self.reporting).mean()

    def kl(self, run: str) -> Number:
        """The mean of a VAE's KL term over them."""
        return self.seeds.measured(
            lambda one: present(one.table.test_images.of[run].kl)[self.reporting], "nats"
        ).mean()

    def shortfall(self, run: str, other: str, images: Rows) -> Number:
        """By how much `run` is worse than `other`, image by image: above zero where it is worse."""
        better, worse = (other, run) if self.is_vae else (run, other)
        return (self.values(better, images) - self.values(worse, images)).mean()

    @cached_property
    def best(self) -> str:
        """The best of all on the images that sizes are chosen on."""
        each = {run: self.values(run, self.choosing).value for run in self.by_size}
        return (max if self.is_vae else min)(each, key=lambda run: each[run])

    @cached_property
    def allowed(self) -> float:
        """How much a code may fall short of the best, in the objective's unit."""
        nothing = self.seeds.average(lambda one: one.run[self.best].mean_image)
        gain = self.values(self.best, self.choosing).value - nothing
        return max(0.0, self.asked.tolerance * (gain if self.is_vae else -gain))

    @cached_property
    def chosen(self) -> str:
        """The smallest code that is enough."""
        return next(run for run in self.by_size if run == self.best or self._enough(run))

    def _enough(self, run: str) -> bool:
        short = self.shortfall(run, self.best, self.choosing)
        if short.value is None or short.low is None or short.high is None:
            return False
        return short.value < self.allowed and (
            decide(short) != "higher" or short.high < self.allowed
        )

    @property
    def smaller(self) -> str | None:
        """The next smaller code than the chosen one."""
        place = self.by_size.index(self.chosen)
        return self.by_size[place - 1] if place else None

    @property
    def largest(self) -> str:
        return self.by_size[-1]

    @property
    def probes(self) -> tuple[str, ...]:
        """How classes were told; none without labels."""
        classes = self.first.table.classes
        return tuple(PROBES) if classes is not None and classes.of else ()

    def told(self, run: str, probe: str) -> Measured:
        """Whether an image's class was told from its code."""
        return self.seeds.measured(
            lambda one: getattr(present(one.table.classes).of[run], probe) == 1, "accuracy"
        )

    def used(self, run: str) -> Number:
        """Dimensions in use."""
        return self.seeds.measured(lambda one: one.run[run].used, "", ()).mean()

    def train(self, run: str) -> float:
        """The mean over training images, and over seeds."""
        return self.seeds.average(lambda one: one.run[run].train)

    @cached_property
    def numbers(self) -> dict[str, Number]:
        """The numbers of the finding, the most telling first."""
        numbers = {
            "chosen-code": Number(float(self.code(self.chosen)), unit="dimensions"),
            "allowed-shortfall": Number(self.allowed, unit=self.unit),
        }
        if self.largest != self.chosen:
            numbers["more-dimensions.gain"] = self.shortfall(
                self.chosen, self.largest, self.reporting
            )
        for run in self.by_size:
            if run != self.best:
                numbers[f"{run}.shortfall"] = self.shortfall(run, self.best, self.reporting)
        column = self.objective.lower().replace(" ", "-")
        numbers |= {f"{run}.{column}": self.average(run) for run in self.by_size}
        numbers |= {f"{run}.used-dimensions": self.used(run) for run in self.by_size}
        for probe in self.probes[:1]:
            numbers |= {f"{run}.{probe}": self.told(run, probe).mean() for run in self.by_size}
            numbers[f"{self.tells_best(probe)}.{probe}-minus-chosen"] = self.tells_more(probe)
        return numbers

    def tells_best(self, probe: str) -> str:
        """The run from whose codes most classes are told."""
        return max(self.by_size, key=lambda run: self.told(run, probe).value)

    def tells_more(self, probe: str) -> Number:
        """How many more it tells than the chosen one."""
        best, chosen = (self.told(run, probe) for run in (self.tells_best(probe), self.chosen))
        return (best - chosen).mean().in_points
