"""What question `inference-gap` measures, and the numbers of all seeds and images."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from tacit.evidence.gap import inference_gap
from tacit.evidence.quadrature import quadrature
from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured, difference
from tacit.measures.number import Number
from tacit.models.models import VAE
from tacit.progress import part_by_part
from tacit.questions.base import Arrays, Runs, index_of
from tacit.questions.inference_gap.question import InferenceGapQuestion
from tacit.questions.shared.samples import Rows, of_all
from tacit.questions.shared.scoring import observed, own_posterior
from tacit.questions.shared.seeds import means
from tacit.questions.shared.splits import SPLITS, BySplit, counted, lacking
from tacit.questions.typed import InTable
from tacit.streams import torch_stream

PARTS = ("approximation", "amortisation")
MOST_FOR_QUADRATURE = 2


@dataclass(frozen=True)
class Columns:
    """Of the images of one split, (n,) each, in nats; None where the model gives no posterior."""

    index: NDArray[np.int64]
    log_prob: Floats
    log_prob_error: Floats
    flagged: NDArray[np.int64]
    refined_elbo: Floats
    missing: Floats
    converged: NDArray[np.int64]
    approximation: Floats
    approximation_error: Floats
    own_elbo: Floats | None = None
    amortisation: Floats | None = None
    amortisation_error: Floats | None = None
    label: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        amortized: whether the model has an encoder.
        exact: whether log p(x) was integrated; otherwise it is a lower bound.
    """

    amortized: bool
    exact: bool
    train: InTable[Columns]
    test: InTable[Columns]


def measure(runs: Runs, asked: InferenceGapQuestion) -> Numbers:
    """Both gaps of images of both splits under the VAE."""
    run = runs[asked.run]
    model = run.model_as(VAE)
    columns = {}
    for split, images in part_by_part(tuple(runs.splits(run).items())):
        rows = of_all(images, asked.images, split)
        gaps = partial(_gaps, model, images, rows, split, runs.seed, asked.samples)
        columns[split] = Columns(
            index=index_of(run, split, rows),
            label=images.labels_of(rows),
            **runs.kept(f"gaps-{split}", gaps),  # type: ignore[arg-type]
        )
    exact = model.latent_dim <= MOST_FOR_QUADRATURE
    return Numbers(model.amortized, exact, **columns)


def _gaps(model: VAE, images: Images, rows: Rows, split: str, seed: int, n_samples: int) -> Arrays:
    """The columns of `Columns` that have to be computed."""
    data = observed(model, images, rows, seed, split)
    own = exact = None
    if split == "train" and not model.amortized:
        own = own_posterior(model, data, rows)
    if model.latent_dim <= MOST_FOR_QUADRATURE:
        exact = quadrature(model, data, generator=torch_stream(seed, "quadrature", split))
    gap = inference_gap(
        model,
        data,
        q=own,
        log_prob=exact,
        n_samples=n_samples,
        generator=torch_stream(seed, "gap", split),
    )
    columns: Arrays = {
        "log_prob": gap.log_prob.log_prob,
        "log_prob_error": gap.log_prob.standard_error,
        "flagged": gap.log_prob.flagged.astype(np.int64),
        "refined_elbo": gap.refined.elbo,
        "missing": gap.refined.missing,
        "converged": gap.refined.converged.astype(np.int64),
        "approximation": gap.approximation,
        "approximation_error": gap.approximation_error,
    }
    if gap.own is not None:
        assert gap.amortisation is not None
        assert gap.amortisation_error is not None
        columns |= {
            "own_elbo": gap.own.elbo,
            "amortisation": gap.amortisation,
            "amortisation_error": gap.amortisation_error,
        }
    return columns


class Found(BySplit[Numbers, InferenceGapQuestion]):
    """What the bound loses over all seeds and images."""

    @property
    def split(self) -> str:
        """The split that the answer rests on: test images, if the model gives them a posterior."""
        return "test" if self.has("test", "amortisation") else "train"

    @property
    def larger(self) -> Measured:
        """Amortisation - approximation gap of the same images."""
        approximation, amortisation = (self.of(self.split, part) for part in PARTS)
        return amortisation - approximation

    def train_minus_test(self, part: str) -> Measured:
        """Of a gap, between two samples of images."""
        return difference(*(self.of(split, part) for split in SPLITS))

    def share(self, column: str) -> Number:
        """Of all images of both splits, how many are so."""
        return counted(self.pooled(column), "images")

    @property
    def missing(self) -> Number:
        """What a refined posterior lacks of the optimum in reach."""
        return lacking(self.pooled("missing"))

    @cached_property
    def numbers(self) -> dict[str, Number]:
        splits = sorted(SPLITS, key=lambda split: split != self.split)
        numbers: dict[str, Number | Measured] = dict(self._columns(splits, PARTS, "-gap"))
        numbers["amortisation-minus-approximation"] = self.larger
        for part in PARTS:
            if all(self.has(split, part) for split in SPLITS):
                numbers[f"train-minus-test.{part}-gap"] = self.train_minus_test(part)
        numbers |= self._columns(splits, ("log_prob", "refined_elbo", "own_elbo"))
        numbers["flagged"] = self.share("flagged")
        numbers["refinements-converged"] = self.share("converged")
        numbers["refinements-missing.median"] = self.missing
        return means(numbers)

    def _columns(
        self, splits: list[str], columns: tuple[str, ...], end: str = ""
    ) -> Iterator[tuple[str, Measured]]:
        for split in splits:
            for column in columns:
                if self.has(split, column):
                    yield f"{split}.{column.replace('_', '-')}{end}", self.of(split, column)
