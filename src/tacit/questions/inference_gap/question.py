"""Where the bound that a VAE learns by loses: to the family of posteriors, and to the encoder."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field

from tacit.evidence.gap import inference_gap
from tacit.evidence.observed import observe
from tacit.evidence.quadrature import quadrature
from tacit.images.dataset import Images
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding
from tacit.questions.inference_gap.figures import figures_of, tables_of
from tacit.questions.inference_gap.numbers import SPLITS, Gaps
from tacit.questions.inference_gap.words import caveats, rule, sentences
from tacit.questions.shared.samples import Rows, of_all
from tacit.questions.shared.scoring import Columns
from tacit.streams import torch_stream

MOST_FOR_QUADRATURE = 2


class InferenceGapQuestion(Question):
    """log p(x) - ELBO = approximation gap + amortisation gap, image by image.

    The first is what no diagonal Gaussian reaches, the second what optimising an image's own
    posterior gains over the one that the model gives it (Cremer, Li and Duvenaud 2018).

    Attributes:
        run: a VAE. Without an encoder, the posterior that it gives a training image is the one
            that it learned for it; it gives test images none.
        images: of each split, stratified by class.
        samples: importance samples per image for log p(x), from the refined posterior, a wider one
            and the prior. With one or two latent dimensions log p(x) is integrated instead.
    """

    name: ClassVar[str] = "inference-gap"
    title: ClassVar[str] = "Where does the bound lose?"
    asks: ClassVar[str] = (
        "How far below log p(x) is the bound that the model learned by: how much is lost to "
        "Gaussian posteriors, and how much to the encoder?"
    )
    weight: ClassVar[float] = 100.0

    run: str
    images: Annotated[int, Field(ge=2, le=10**5)] = 100
    samples: Annotated[int, Field(ge=100, le=10**6)] = 2000

    def needs(self) -> dict[str, tuple[str, ...]]:
        return {self.run: ("vae",)}

    def measure(self, runs: Runs) -> Measurement:
        run = runs[self.run]
        model = run.model()
        assert isinstance(model, VAE)
        learned = runs.images_of(run)
        exact = model.latent_dim <= MOST_FOR_QUADRATURE
        found = Measurement({"amortized": float(model.amortized), "exact": float(exact)})
        for split, images in zip(SPLITS, (learned, runs.test), strict=True):
            rows = of_all(images, self.images, split)
            measure = partial(self._gaps, model, images, rows, split, runs.seed)
            columns = runs.kept(f"gaps-{split}", measure)
            known = split == "train" and run.train_index is not None
            columns["index"] = run.train_index[rows] if known else rows  # type: ignore[index]
            if images.labels is not None:
                columns["label"] = images.labels[rows]
            found.arrays |= {f"table/{split}/{name}": column for name, column in columns.items()}
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        gaps = Gaps(measured)
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=sentences(gaps),
            numbers=gaps.numbers(),
            runs=(self.run,),
            decided_by=rule(gaps),
            figures=figures_of(gaps, setting),
            tables=tables_of(gaps, setting),
            caveats=caveats(gaps),
            sources=(
                "Cremer, Li and Duvenaud 2018, Inference suboptimality in variational autoencoders",
            ),
        )

    def _gaps(self, model: VAE, images: Images, rows: Rows, split: str, seed: int) -> Columns:
        """Columns of per-image numbers, (n,) each, in nats."""
        x = torch.from_numpy(images.scaled(rows))
        data = observe(model, x, torch_stream(seed, "observed", split))
        own = None
        if split == "train" and not model.amortized:
            with torch.no_grad():
                q = model.posterior(data.x, torch.from_numpy(rows))
            own = DiagonalNormal(q.mean, q.log_var)
        exact = None
        if model.latent_dim <= MOST_FOR_QUADRATURE:
            exact = quadrature(model, data, generator=torch_stream(seed, "quadrature", split))
        gap = inference_gap(
            model,
            data,
            q=own,
            log_prob=exact,
            n_samples=self.samples,
            generator=torch_stream(seed, "gap", split),
        )
        columns: Columns = {
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
