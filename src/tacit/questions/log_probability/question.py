"""How likely is an image, by class, and are the training images likelier than the test images?"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator

from tacit.evidence.methods import CHAINS
from tacit.evidence.observed import observe
from tacit.evidence.precision import FEWER_DISTRIBUTIONS
from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.images import within_class_variance
from tacit.models.likelihoods import Gaussian
from tacit.models.models import VAE
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding
from tacit.questions.log_probability.annealing.measuring import Checking, annealing
from tacit.questions.log_probability.annealing.numbers import Relations
from tacit.questions.log_probability.annealing.words import (
    CAVEATS,
    RULE,
    SOURCES,
    checked_said,
    table_of,
)
from tacit.questions.log_probability.figures import class_table, figures_of
from tacit.questions.log_probability.numbers import Scores, numbers_of
from tacit.questions.log_probability.words import MOSTLY, alerts, headline, rule, sentences
from tacit.questions.shared.samples import Rows, compared_classes, of_all, of_each_class
from tacit.questions.shared.scoring import (
    ProposalName,
    estimated,
    mean_images,
    score,
)
from tacit.streams import numpy_stream, torch_stream

MOST_IMAGES = 2000
"""At most so many images of a split, however many classes there are."""

SHOWN_CLASSES = 20


class LogProbability(Question):
    """log p(x) by importance sampling on train and test images, beside what the images explain.

    Attributes:
        run: a VAE.
        proposal: "refined", a posterior optimised for each image against the frozen decoder, with
            its correlations, or "encoder", where there is one. From refined posteriors, values that
            stay flagged are annealed from there, and what as many samples from the encoder give
            stands beside the images that are shown, as in the report.
        samples: importance samples per image.
        per_class: images of each class and split that the answer rests on.
        annealed_per_class: as many where most of the first so many have to be annealed.
        shown_per_class: images of each class and split that are shown with their values.
        methods: "annealed" checks the importance samples, which all values then are, on a few test
            images by more samples and by annealed importance sampling, and annealing on images that
            the model simulates. On 28×28 images and a convolutional network that takes about half
            an hour of one core.
        annealed_images: test images that are annealed, from the encoder and from the prior.
        distributions: from the start of annealing to the posterior; by each of these.
        long_images: of them, annealed by ten times the most distributions too.
        resampled_images: test images that get ten times the importance samples too.
        simulated_images: images that the model simulates, for a lower and an upper bound.
    """

    name: ClassVar[str] = "log-probability"
    title: ClassVar[str] = "Are training images likelier than test images?"
    asks: ClassVar[str] = (
        "Are training images likelier under the model than test images, how likely is an image, "
        "and which class is the likeliest?"
    )
    rules: ClassVar[tuple[str, ...]] = ("likeliest-class", "train-test-gap", "most-explained")
    sources: ClassVar[tuple[str, ...]] = (
        "Burda, Grosse and Salakhutdinov 2016, Importance weighted autoencoders",
        "Vehtari, Simpson, Gelman, Yao and Gabry 2024, Pareto smoothed importance sampling",
        *SOURCES,
    )
    weight: ClassVar[float] = 100.0
    quick: ClassVar[Mapping[str, int]] = {
        "per_class": 10,
        "annealed_per_class": 5,
        "shown_per_class": 2,
        "samples": 500,
    }

    run: str
    proposal: ProposalName = "refined"
    samples: Annotated[int, Field(ge=1, le=10**6)] = 1000
    per_class: Annotated[int, Field(ge=2, le=10**5)] = 100
    annealed_per_class: Annotated[int, Field(ge=2, le=10**5)] = 25
    shown_per_class: Annotated[int, Field(ge=1, le=20)] = 5
    methods: tuple[Literal["importance", "annealed"], ...] = ("importance",)
    annealed_images: Annotated[int, Field(ge=2, le=10**4)] = 25
    distributions: tuple[Annotated[int, Field(ge=2, le=10**6)], ...] = (100, 1000)
    long_images: Annotated[int, Field(ge=0, le=10**4)] = 0
    resampled_images: Annotated[int, Field(ge=2, le=10**5)] = 100
    simulated_images: Annotated[int, Field(ge=2, le=10**4)] = 10

    @field_validator("methods")
    @classmethod
    def _importance_is_checked(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        if "importance" not in methods or len(set(methods)) < len(methods):
            raise ValueError(
                f"methods are {list(methods)}; they are [importance] or [importance, annealed]: "
                "annealing checks importance samples"
            )
        return methods

    @field_validator("distributions")
    @classmethod
    def _distributions_rise(cls, distributions: tuple[int, ...]) -> tuple[int, ...]:
        if not distributions or list(distributions) != sorted(set(distributions)):
            raise ValueError(
                f"distributions are {list(distributions)}; they are one or more rising numbers"
            )
        return distributions

    def needs(self) -> dict[str, tuple[str, ...]]:
        return {self.run: ("vae",)}

    def measure(self, runs: Runs) -> Measurement:
        run = runs[self.run]
        model = run.model()
        assert isinstance(model, VAE)
        learned = runs.images_of(run)
        classes = compared_classes(learned, runs.test)
        classes = classes if len(classes) > 1 else []
        means = mean_images(learned, classes)
        found = Measurement(
            {
                "pixels": float(np.prod(learned.shape)),
                "refined": float(self.proposal == "refined" or not model.amortized),
            }
        )
        if isinstance(model.likelihood, Gaussian):
            found.values["sigma"] = model.likelihood.sigma
        for split, images in (("train", learned), ("test", runs.test)):
            score_them = partial(self._scored, model, images, classes, means, runs.seed, split)
            columns = runs.kept(f"scored-{split}", score_them)
            rows = columns.pop("rows").astype(np.int64)
            index = rows if split == "test" or run.train_index is None else run.train_index[rows]
            columns["index"] = index
            shown = self._shown(len(rows), columns.get("label"), split)
            found.arrays |= {f"table/{split}/{name}": column for name, column in columns.items()}
            found.arrays[f"shown/{split}/rows"] = shown
            found.arrays[f"shown/{split}/pixels"] = images.pixels[rows[shown]]
            if model.amortized and self.proposal == "refined":
                beside = partial(self._by_encoder, model, images, rows[shown], runs.seed, split)
                by_encoder = runs.kept(f"by-encoder-{split}", beside)
                by_encoder |= {"index": index[shown], "refined": columns["log_prob"][shown]}
                found.arrays |= {
                    f"table/by-encoder-{split}/{name}": column
                    for name, column in by_encoder.items()
                }
            if classes and split == "test":
                variance = within_class_variance(images.pixels[rows], columns["label"])
                found.arrays["within-class-variance"] = variance
            if self._checking and split == "test":
                found.arrays |= annealing(model, images, rows, columns, self._checking, runs)
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        scores = Scores(measured)
        checks = Relations(measured, self._checking) if self._checking else None
        checked = checked_said(checks) if checks else ""
        tables = (class_table(scores, setting),) if scores.classes else ()
        return self.finding(
            setting,
            measured,
            headline(scores),
            numbers_of(scores, setting.class_names) | (checks.numbers() if checks else {}),
            answer=[sentences(scores, self.samples, setting.class_names, checked)],
            alerts=alerts(scores),
            decided_by=rule(scores) + (RULE if checks else ""),
            figures=figures_of(scores, setting),
            tables=(*tables, table_of(checks)) if checks else tables,
            caveats=self._caveats(scores, setting) + (CAVEATS if checks else ()),
        )

    @property
    def _checking(self) -> Checking | None:
        if "annealed" not in self.methods:
            return None
        return Checking(
            samples=self.samples,
            distributions=self.distributions,
            annealed=self.annealed_images,
            resampled=self.resampled_images,
            long=self.long_images,
            simulated=self.simulated_images,
            proposal=self.proposal,
        )

    def _caveats(self, scores: Scores, setting: Setting) -> tuple[str, ...]:
        caveats = [
            "Every value is a lower bound in expectation. It is looser where the proposal fits "
            "worse, so that a difference of a few nats may be the proposal's and not the model's.",
            "A flag sees heavy weights, not a mode of the posterior that no sample fell into.",
        ]
        if scores.ceiling() is not None:
            caveats.append(
                "These are densities over pixels scaled to [0, 1]; on another scale all of them "
                "shift by the same number of nats, and they are no code lengths."
            )
        if scores.refined:
            caveats.append(
                "Samples come from posteriors that were optimised for each image, train and test "
                "alike, against the frozen decoder, and one in a hundred from N(0, I). Where they "
                f"are flagged, {CHAINS} chains are annealed from there by "
                f"{' distributions, then by '.join(map(str, FEWER_DISTRIBUTIONS))}, until none is."
            )
        left_out = len(setting.class_names) - len(scores.classes)
        if setting.class_names and left_out:
            caveats.append(
                f"{left_out} of {len(setting.class_names)} classes "
                f"{'has' if left_out == 1 else 'have'} fewer than two training or test images and "
                f"{'is' if left_out == 1 else 'are'} left out."
            )
        return tuple(caveats)

    def _by_encoder(
        self, model: VAE, images: Images, rows: Rows, seed: int, split: str
    ) -> dict[str, np.ndarray]:
        """The report's own values: as many samples, from the encoder."""
        x = torch.from_numpy(images.scaled(rows))
        data = observe(model, x, torch_stream(seed, "observed", split))
        estimate = estimated(model, data, self.samples, seed, f"{split}-by-encoder", "encoder")
        assert estimate.ess is not None
        return {
            "log_prob": estimate.log_prob,
            "flagged": estimate.flagged.astype(np.int64),
            "effective_samples": estimate.ess,
        }

    def _scored(
        self,
        model: VAE,
        images: Images,
        classes: list[int],
        means: Mapping[int, Floats],
        seed: int,
        split: str,
    ) -> dict[str, np.ndarray]:
        """Columns of `score`, and the images' ``rows``: fewer where most have to be annealed."""

        def of(rows: Rows) -> dict[str, np.ndarray]:
            columns = score(
                model,
                images,
                rows,
                means,
                samples=self.samples,
                seed=seed,
                split=split,
                proposal=self.proposal,
                anneal=self._checking is None,
            )
            return {"rows": rows, **columns}

        rows = self._rows(images, classes, split)
        first = self._first(rows, images if classes else None, split)
        found = of(rows[first])
        if first.all() or found.get("annealed", np.zeros(1)).mean() > MOSTLY:
            return found
        others = of(rows[~first])
        order = np.argsort(np.concatenate([np.flatnonzero(first), np.flatnonzero(~first)]))
        return {name: np.concatenate([v, others[name]])[order] for name, v in found.items()}

    def _first(self, rows: Rows, labelled: Images | None, split: str) -> NDArray[np.bool_]:
        """Which of `rows` are the first of each class, or of all where there are no classes."""
        if labelled is None:
            chosen = numpy_stream(0, "first", split).permutation(len(rows))
            return chosen < 10 * self.annealed_per_class
        assert labelled.labels is not None
        own = labelled.labels[rows]
        before = [np.sum(own[:place] == own[place]) for place in range(len(rows))]
        return np.array(before) < self.annealed_per_class

    def _rows(self, images: Images, classes: list[int], split: str) -> Rows:
        if not classes:
            return of_all(images, min(MOST_IMAGES, 10 * self.per_class), split)
        most = max(2, min(self.per_class, MOST_IMAGES // len(classes)))
        return of_each_class(images, classes, most, split)

    def _shown(self, n: int, labels: "np.ndarray | None", split: str) -> Rows:
        """Which of the n images are shown: the first of each class, which come in random order."""
        if labels is None:
            chosen = numpy_stream(0, "shown", split).permutation(n)
            return np.sort(chosen[: 2 * self.shown_per_class])
        classes = np.unique(labels)[:SHOWN_CLASSES]
        return np.concatenate(
            [np.flatnonzero(labels == c)[: self.shown_per_class] for c in classes]
        )
