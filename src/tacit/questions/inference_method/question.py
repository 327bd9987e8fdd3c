"""Which way infers better codes: one encoder for all images, or each image's own optimisation?"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from tacit.evidence.elbo import elbo
from tacit.evidence.observed import Observed, observe
from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.measures.images import squared_error
from tacit.models.config import PerImageTable
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding
from tacit.questions.inference_method.figures import figures_of, tables_of
from tacit.questions.inference_method.numbers import Inferred, numbers_of
from tacit.questions.inference_method.words import rule, sentences
from tacit.questions.shared.samples import Rows, of_all
from tacit.streams import torch_stream
from tacit.training.run_folder import SavedRun

ELBO_SAMPLES = 64
MOST_SHOWN = 10

Columns = dict[str, NDArray[np.generic]]


class InferenceMethod(Question):
    """One amortised VAE against VAEs whose codes are optimised image by image.

    As trained, codes may be unfinished; a decoder that learned from unfinished codes may be worse.
    So a sample of images is refined to convergence against every final decoder, all from the
    prior, and with p for a per-image run and a for the amortised one

        encoder's ELBO - own codes' ELBO = (refined_a - refined_p)       the decoder's doing
                                         + (refined_p - own codes' ELBO) not finished
                                         - (refined_a - encoder's ELBO)  what the encoder misses

    holds for each training image.

    Attributes:
        amortized: the run with an encoder.
        per_image: the runs without; the first is the one that is compared in most detail.
        refined: training images, and as many test images, that are refined.
    """

    name: ClassVar[str] = "inference-method"
    title: ClassVar[str] = "Which way infers better codes?"
    asks: ClassVar[str] = (
        "Which way infers better codes, one encoder shared by all images, or optimising each "
        "image's own?"
    )
    weight: ClassVar[float] = 100.0

    amortized: str
    per_image: Annotated[tuple[str, ...], Field(min_length=1, max_length=5)]
    refined: Annotated[int, Field(ge=2, le=10**6)] = 500

    def needs(self) -> dict[str, tuple[str, ...]]:
        return {
            self.amortized: ("amortized vae",),
            **dict.fromkeys(self.per_image, ("per-image vae",)),
        }

    def errors(self, runs: Mapping[str, Any]) -> Iterator[str]:
        """Codes are compared image by image."""
        for name in self.per_image:
            if runs[name].train != runs[self.amortized].train:
                yield f"runs '{self.amortized}' and '{name}' learn from different images"

    def measure(self, runs: Runs) -> Measurement:
        learned = runs.images_of(runs[self.amortized])
        rows = {
            "train": of_all(learned, self.refined, "training"),
            "test": of_all(runs.test, self.refined, "test"),
        }
        images = {"train": learned, "test": runs.test}
        found = Measurement()
        for split, of in images.items():
            index = runs[self.amortized].train_index if split == "train" else None
            columns: Columns = {"index": rows[split] if index is None else index[rows[split]]}
            if of.labels is not None:
                columns["label"] = of.labels[rows[split]]
            shown = _shown(of, rows[split])
            found.arrays[f"shown/{split}/original"] = of.pixels[rows[split][shown]]
            for name in self.needs():
                more, pictures, trace = _inferred(runs[name], of, rows[split], split, runs.seed)
                columns |= {f"{name}.{column}": values for column, values in more.items()}
                found.arrays[f"trace/{split}/{name}"] = trace
                for kind, decoded in pictures.items():
                    found.arrays[f"shown/{split}/{name}/{kind}"] = _pixels(decoded[shown])
            found.arrays |= {f"table/{split}/{column}": v for column, v in columns.items()}
        shown = _shown(learned, rows["train"])
        for name in self.needs():
            run = runs[name]
            found.values |= {f"{name}/{key}": value for key, value in _described(run).items()}
            found.arrays |= {f"curve/{name}/{key}": a for key, a in _curves(run).items()}
            for epoch, update in run.snapshots.items():
                then = _reconstructed(run, update, learned, rows["train"][shown])
                found.arrays[f"snapshot/{epoch}/{name}"] = _pixels(then)
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        inferred = Inferred(measured, self.amortized, self.per_image)
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=sentences(inferred),
            numbers=numbers_of(inferred),
            runs=(self.amortized, *self.per_image),
            decided_by=rule(inferred),
            figures=figures_of(inferred, setting),
            tables=tables_of(inferred),
            caveats=inferred.caveats(),
            sources=(
                "Cremer, Li and Duvenaud 2018, Inference suboptimality in variational autoencoders",
                "Kim, Wiseman, Miller, Sontag and Rush 2018, Semi-amortized VAEs",
            ),
        )


def _inferred(
    run: SavedRun, images: Images, rows: Rows, split: str, seed: int
) -> tuple[Columns, dict[str, NDArray[np.float32]], NDArray[np.float64]]:
    """Per-image numbers, (n,) each, reconstructions, and the mean ELBO by refinement step.

    ``elbo`` and ``squared_error`` of the run's own posterior, where it has one for these images,
    and ``refined_elbo``, ``refined_squared_error``, ``steps``, ``missing``, ``converged``.
    Reconstructions decode the posterior's mean. Noise belongs to the image and is the same for all
    runs.
    """
    model = run.model()
    assert isinstance(model, VAE)
    x = torch.from_numpy(images.scaled(rows))
    data = observe(model, x, torch_stream(seed, "observed", split))
    columns: Columns = {}
    pictures: dict[str, NDArray[np.float32]] = {}

    def add(kind: str, q: DiagonalNormal, bound: NDArray[np.float64]) -> None:
        prefix = "" if kind == "own" else f"{kind}_"
        pictures[kind] = _decoded(model, q)
        columns[f"{prefix}elbo"] = bound
        columns[f"{prefix}squared_error"] = squared_error(data.x.numpy(), pictures[kind])

    if model.amortized or split == "train":
        q = _own(model, data, rows)
        generator = torch_stream(seed, "elbo", split)
        add("own", q, elbo(model, q, data, n_samples=ELBO_SAMPLES, generator=generator).elbo)
    refined = refine(
        model,
        data,
        start="prior",
        n_samples=ELBO_SAMPLES,
        generator=torch_stream(seed, "refined", split),
    )
    add("refined", refined.q, refined.elbo)
    columns["steps"] = refined.steps
    columns["missing"] = refined.missing
    columns["converged"] = refined.converged.astype(np.int64)
    return columns, pictures, refined.trace.mean(axis=1)


@torch.no_grad()
def _own(model: VAE, data: Observed, rows: Rows) -> DiagonalNormal:
    """The run's own posterior: of the encoder, or the rows that were trained."""
    q = model.posterior(data.x, torch.from_numpy(rows))
    return DiagonalNormal(q.mean, q.log_var)


@torch.no_grad()
def _decoded(model: VAE, q: DiagonalNormal) -> NDArray[np.float32]:
    """E[x | z] at the posterior mean, (n, C, H, W)."""
    return torch.cat([model.decode(z) for z in q.mean.split(512)]).numpy()


def _reconstructed(run: SavedRun, update: int, images: Images, rows: Rows) -> NDArray[np.float32]:
    """Reconstructions by the whole model as it was after `update`, its codes included."""
    model = run.model(update)
    assert isinstance(model, VAE)
    x = torch.from_numpy(images.scaled(rows))
    data = observe(model, x, torch_stream(run.seed, "observed", "shown"))
    return _decoded(model, _own(model, data, rows))


def _pixels(pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8)


def _shown(images: Images, rows: Rows) -> Rows:
    """Places in `rows` of the images that are shown: one of each class, or the first."""
    if images.labels is None:
        return np.arange(min(MOST_SHOWN, len(rows)))
    return np.unique(images.labels[rows], return_index=True)[1][:MOST_SHOWN]


def _described(run: SavedRun) -> dict[str, float]:
    """What tells runs apart, as numbers."""
    schedule, posterior = run.schedule, run.config.posterior
    described = {
        "epochs": schedule.epoch_of(schedule.updates),
        "visits": float(schedule.row_updates),
        "beta": run.beta,
    }
    if isinstance(posterior, PerImageTable):
        described["mean-std"] = posterior.mean_std
    return described


def _curves(run: SavedRun) -> Columns:
    """The ELBO by epoch: ``SPLIT/epoch`` and ``SPLIT/elbo``, (E,) each, where it was evaluated."""
    curves: Columns = {}
    for split in ("train", "test"):
        updates, means, _ = run.history.curve(split, "elbo")
        if len(updates):
            curves[f"{split}/epoch"] = updates / run.schedule.batches_per_epoch
            curves[f"{split}/elbo"] = means
    return curves
