"""What question `inference-method` measures, and the numbers of all seeds and images."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.evidence.elbo import elbo
from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.images import squared_error
from tacit.measures.number import Number
from tacit.models.config import PerImageTable
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.progress import part_by_part
from tacit.questions.base import OverSeeds, Runs, index_of
from tacit.questions.inference_method.question import InferenceMethod
from tacit.questions.shared.samples import Rows, of_all
from tacit.questions.shared.scoring import observed, own_posterior
from tacit.questions.shared.seeds import means
from tacit.questions.shared.splits import OVER, lacking
from tacit.questions.typed import InTable, OfImages
from tacit.streams import torch_stream
from tacit.training.many import of_rows
from tacit.training.run_folder import SavedRun

ELBO_SAMPLES = 64
MOST_SHOWN = 10


@dataclass(frozen=True)
class Codes:
    """Of one run and split, per image, (n,) each: the ELBO in nats and the summed squared error.

    `elbo` and `squared_error` are those of the run's own codes; a run without an encoder has none
    for test images. `steps`, `missing` and `converged` are of the refinement.
    """

    refined_elbo: Floats
    refined_squared_error: Floats
    steps: NDArray[np.int64]
    missing: Floats
    converged: NDArray[np.int64]
    elbo: Floats | None = None
    squared_error: Floats | None = None


@dataclass(frozen=True)
class Pictures:
    """Reconstructions of the images that are shown, (k, C, H, W)."""

    refined: NDArray[np.uint8]
    own: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Shown:
    original: NDArray[np.uint8]
    runs: dict[str, Pictures]


@dataclass(frozen=True)
class Learned:
    """The ELBO of one split by epoch, where it was evaluated, (E,) each."""

    epoch: Floats
    elbo: Floats


@dataclass(frozen=True)
class Described:
    """What tells runs apart.

    Attributes:
        epochs: passes over the images. visits: updates of a code at each visit. beta: of the ELBO.
        mean_std: how far from 0 the means of own codes begin; None with an encoder.
        learned: by split.
    """

    epochs: float
    visits: int
    beta: float
    learned: dict[str, Learned]
    mean_std: float | None = None


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        shown: by split.
        snapshots: reconstructions of the training images that are shown, by epoch and run.
        traces: the mean ELBO of test images by step of refinement, by run.
        described: by run.
    """

    train: InTable[OfImages[Codes]]
    test: InTable[OfImages[Codes]]
    shown: dict[str, Shown]
    snapshots: dict[str, dict[str, NDArray[np.uint8]]]
    traces: dict[str, Floats]
    described: dict[str, Described]


def measure(runs: Runs, asked: InferenceMethod) -> Numbers:
    """Own and refined codes of images of each split under every run."""
    names, first = asked.runs, runs[asked.amortized]
    tables, shown, traces = {}, {}, {}
    for split, images in part_by_part(tuple(runs.splits(first).items())):
        rows = of_all(images, asked.refined, "training" if split == "train" else split)
        places = _shown(images, rows)
        codes, pictures = {}, {}
        for name in part_by_part(names):
            codes[name], decoded, traces[name] = _inferred(
                runs[name], images, rows, split, runs.seed, asked.gradients
            )
            pictures[name] = Pictures(**{k: _pixels(p[places]) for k, p in decoded.items()})
        index, labels = index_of(first, split, rows), images.labels_of(rows)
        tables[split] = OfImages(index, labels, codes)
        shown[split] = Shown(images.pixels[rows[places]], pictures)
    learned = runs.images_of(first)
    rows = of_all(learned, asked.refined, "training")
    rows = rows[_shown(learned, rows)]
    snapshots: dict[str, dict[str, NDArray[np.uint8]]] = {}
    for name in names:
        for epoch, update in runs[name].snapshots.items():
            then = _pixels(_reconstructed(runs[name], update, learned, rows))
            snapshots.setdefault(str(epoch), {})[name] = then
    described = {name: _described(runs[name]) for name in names}
    return Numbers(**tables, shown=shown, snapshots=snapshots, traces=traces, described=described)


def _inferred(
    run: SavedRun, images: Images, rows: Rows, split: str, seed: int, gradients: int
) -> tuple[Codes, dict[str, NDArray[np.float32]], Floats]:
    """Per-image numbers, reconstructions by kind of code, and the mean ELBO by refinement step.

    Reconstructions decode the posterior's mean. Noise belongs to the image and is the same for all
    runs.
    """
    model = run.model_as(VAE)
    data = observed(model, images, rows, seed, split)
    pictures: dict[str, NDArray[np.float32]] = {}
    own: dict[str, Floats] = {}
    if model.amortized or split == "train":
        q = own_posterior(model, data, rows)
        generator = torch_stream(seed, "elbo", split)
        pictures["own"] = _decoded(model, q)
        own["elbo"] = elbo(model, q, data, n_samples=ELBO_SAMPLES, generator=generator).elbo
        own["squared_error"] = squared_error(data.x.numpy(), pictures["own"])
    refined = refine(
        model,
        data,
        start="prior",
        max_steps=gradients,
        n_samples=ELBO_SAMPLES,
        generator=torch_stream(seed, "refined", split),
    )
    pictures["refined"] = _decoded(model, refined.q)
    codes = Codes(
        refined_elbo=refined.elbo,
        refined_squared_error=squared_error(data.x.numpy(), pictures["refined"]),
        steps=refined.steps,
        missing=refined.missing,
        converged=refined.converged.astype(np.int64),
        **own,
    )
    return codes, pictures, refined.trace.mean(axis=1)


def _decoded(model: VAE, q: DiagonalNormal) -> NDArray[np.float32]:
    """E[x | z] at the posterior mean, (n, C, H, W)."""
    return of_rows(model.decode, q.mean, at_once=512).numpy()


def _reconstructed(run: SavedRun, update: int, images: Images, rows: Rows) -> NDArray[np.float32]:
    """Reconstructions by the whole model as it was after `update`, its codes included."""
    model = run.model_as(VAE, update)
    data = observed(model, images, rows, run.seed, "shown")
    return _decoded(model, own_posterior(model, data, rows))


def _pixels(pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8)


def _shown(images: Images, rows: Rows) -> Rows:
    """Places in `rows` of the images that are shown: one of each class, or the first."""
    if images.labels is None:
        return np.arange(min(MOST_SHOWN, len(rows)))
    return np.unique(images.labels[rows], return_index=True)[1][:MOST_SHOWN]


def _described(run: SavedRun) -> Described:
    schedule, posterior = run.schedule, run.config.posterior
    curves = {split: run.history.curve(split, "elbo") for split in OVER}
    return Described(
        schedule.epoch_of(schedule.updates),
        schedule.row_updates,
        run.beta,
        {
            split: Learned(updates / schedule.batches_per_epoch, means)
            for split, (updates, means, _) in curves.items()
            if len(updates)
        },
        posterior.mean_std if isinstance(posterior, PerImageTable) else None,
    )


class Found(OverSeeds[Numbers, InferenceMethod]):
    """What encoder, own codes and refined codes differ by, over all seeds and images."""

    def of(self, split: str, run: str, column: str) -> Measured:
        """A column by seed and image."""
        unit = "" if column.endswith("squared_error") else "nats"
        return self.seeds.measured(
            lambda one: getattr(getattr(one, split).of[run], column),
            unit,
            images=OVER[split],
        )

    def encoder_minus_own(self, run: str, column: str = "elbo") -> Measured:
        """As trained: the encoder's codes against the per-image run's own, training images."""
        return self.of("train", self.asked.amortized, column) - self.of("train", run, column)

    def unfinished(self, run: str) -> Measured:
        """What refinement adds to a run's own codes, against its own decoder, training images."""
        return self.of("train", run, "refined_elbo") - self.of("train", run, "elbo")

    def decoder(self, run: str, split: str) -> Measured:
        """Both refined alike: the amortised run's decoder against the per-image run's."""
        own = self.of(split, self.asked.amortized, "refined_elbo")
        return own - self.of(split, run, "refined_elbo")

    def missed(self, split: str) -> Measured:
        """What refinement finds beyond the encoder, against the encoder's own decoder."""
        refined = self.of(split, self.asked.amortized, "refined_elbo")
        return refined - self.of(split, self.asked.amortized, "elbo")

    def encoder_worse(self, run: str, column: str = "elbo") -> Measured:
        """Whether the encoder's code is the worse one, by seed and training image."""
        lead = self.encoder_minus_own(run, column)
        worse = lead.values > 0 if column == "squared_error" else lead.values < 0
        return Measured(worse.astype(np.float64), lead.factors, "share", names=lead.names)

    def described(self, run: str) -> Described:
        return self.first.described[run]

    def learned(self, run: str, split: str) -> tuple[Floats, Floats] | None:
        """Epochs, (E,), and each seed's ELBO, (S, E), of a run; None where not evaluated."""
        if split not in self.described(run).learned:
            return None
        each = [one.described[run].learned[split] for one in self.seeds]
        return each[0].epoch, np.stack([one.elbo for one in each])

    def refinements(self, column: str) -> Floats:
        """A diagnostic of all refinements of all runs, flat."""
        return np.concatenate(
            [
                self.of(split, run, column).values.ravel()
                for split in OVER
                for run in self.asked.runs
            ]
        )

    @cached_property
    def converged(self) -> float:
        """The share of refinements that were found to lack no more than they may."""
        return float(self.refinements("converged").mean())

    @property
    def missing(self) -> Number:
        """What a refined code lacks of the optimum in reach."""
        return lacking(self.refinements("missing"))

    @cached_property
    def numbers(self) -> dict[str, Number]:
        numbers: dict[str, Number | Measured] = {}
        for run in self.asked.per_image:
            numbers[f"{run}.encoder-minus-own.elbo"] = self.encoder_minus_own(run)
            numbers[f"{run}.not-finished.elbo"] = self.unfinished(run)
            for split in OVER:
                numbers[f"{run}.decoder.{split}.elbo"] = self.decoder(run, split)
            numbers[f"{run}.encoder-worse.elbo"] = self.encoder_worse(run)
            error = "squared_error"
            numbers[f"{run}.encoder-minus-own.squared-error"] = self.encoder_minus_own(run, error)
            numbers[f"{run}.encoder-worse.squared-error"] = self.encoder_worse(run, error)
        for split in OVER:
            numbers[f"encoder-misses.{split}.elbo"] = self.missed(split)
        numbers["refinements-converged"] = Number(
            self.converged, unit="share", interval="a count of refinements"
        )
        numbers["refinements-missing.median"] = self.missing
        return means(numbers)
