"""What question `log-probability` measures: splits, classes, what images explain, reliability."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.methods import refined_posteriors
from tacit.evidence.observed import Observed
from tacit.evidence.pareto import FEWEST_WEIGHTS
from tacit.evidence.precision import FEWER_DISTRIBUTIONS, PreciseEstimate, log_prob_to_precision
from tacit.images.dataset import Images
from tacit.measures.correlations import correlation, explained
from tacit.measures.distances import Floats
from tacit.measures.engine import Best, Measured, best_class, difference
from tacit.measures.images import mean_intensity, within_class_variance
from tacit.measures.number import Number, Undefined, undefined
from tacit.models.likelihoods import Gaussian
from tacit.models.models import VAE
from tacit.progress import part_by_part, within
from tacit.questions.base import Arrays, Runs, index_of
from tacit.questions.log_probability.annealing.measuring import (
    Checks,
    Estimate,
    Simulated,
    annealing,
)
from tacit.questions.log_probability.annealing.numbers import Relations
from tacit.questions.log_probability.question import LogProbability
from tacit.questions.shared.outputs import Shown
from tacit.questions.shared.samples import Rows, compared_classes, of_all, of_each_class
from tacit.questions.shared.scoring import (
    OVERALL,
    columns_of,
    estimated,
    mean_images,
    observed,
    picture_log_prob,
)
from tacit.questions.shared.seeds import Seeds, present
from tacit.questions.shared.splits import SPLITS, BySplit, counted
from tacit.questions.typed import InTable, OfImages
from tacit.streams import numpy_stream, torch_stream

MOST_IMAGES = 2000
"""At most so many images of a split, however many classes there are."""

SHOWN_CLASSES = 20

MOSTLY = 0.5
"""More than half is most."""

NAMED_CLASSES = 12
"""Up to so many classes each have a number of their own."""

BESIDE = ("class_mean_image", "mean_image", "mean_intensity", "within_class_variance")
"""What log p(x) is read beside. The first that there is decides: the mean image of its class knows
of an image what class it is, and nothing of its hand."""


@dataclass(frozen=True)
class Columns:
    """Of the images of one split, (n,) each, as `score` gives them; some may be undefined.

    Attributes:
        effective_samples, pareto_k: of importance samples.
        annealed, upper: where what these leave flagged is annealed, whether that was, so that the
            value is by annealing, and an upper bound where that stays flagged too.
    """

    index: Rows
    log_prob: Floats
    standard_error: Floats
    flagged: Rows
    mean_intensity: Floats
    mean_image: Floats
    effective_samples: Floats | None = None
    pareto_k: Floats | None = None
    annealed: Rows | None = None
    upper: Floats | None = None
    class_mean_image: Floats | None = None
    label: Rows | None = None


@dataclass(frozen=True)
class ByEncoder:
    """The report's own values of the images that are shown, beside the refined ones."""

    index: Rows
    log_prob: Floats
    flagged: Rows
    effective_samples: Floats
    refined: Floats


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed.

    Attributes:
        pixels: values of an image. sigma: of a Gaussian likelihood.
        refined: whether samples come from posteriors refined for each image.
        within_class_variance: of the test images of each class, (K,).
        shown: by split.
    """

    pixels: int
    refined: bool
    sigma: float | None
    within_class_variance: Floats | None
    shown: dict[str, Shown]
    train: InTable[Columns]
    test: InTable[Columns]
    by_encoder_train: InTable[ByEncoder | None] = None
    by_encoder_test: InTable[ByEncoder | None] = None
    resampled: InTable[OfImages[Estimate] | None] = None
    annealed: InTable[OfImages[Estimate] | None] = None
    annealed_long: InTable[OfImages[Estimate] | None] = None
    simulated: InTable[Simulated | None] = None

    def by_encoder(self, column: str) -> Floats:
        """Of the shown images of both splits."""
        tables = self.by_encoder_train, self.by_encoder_test
        return np.concatenate([getattr(table, column) for table in tables])

    @property
    def checks(self) -> Checks:
        """What other methods give, where it was asked for."""
        return Checks(
            present(self.resampled),
            present(self.annealed),
            self.annealed_long,
            present(self.simulated),
        )


def measure(runs: Runs, asked: LogProbability) -> Numbers:
    """log p(x) of images of both splits under the VAE, and by other methods where asked."""
    run = runs[asked.run]
    model = run.model_as(VAE)
    learned = runs.images_of(run)
    classes = compared_classes(learned, runs.test)
    classes = classes if len(classes) > 1 else []
    means = mean_images(learned, classes)
    tables: dict[str, Any] = {}
    shown = {}
    for split, images in part_by_part(tuple(runs.splits(run).items())):
        score_them = partial(_scored, model, images, classes, means, runs.seed, split, asked)
        columns = runs.kept(f"scored-{split}", score_them)
        rows = columns.pop("rows").astype(np.int64)
        index = index_of(run, split, rows)
        found = Columns(index, **columns)  # type: ignore[arg-type]
        places = _shown(len(rows), found.label, split, asked.shown_per_class)
        if model.amortized and not asked.by_encoder:
            beside = partial(_by_encoder, model, images, rows[places], runs.seed, split, asked)
            tables[f"by_encoder_{split}"] = ByEncoder(
                index=index[places],
                refined=found.log_prob[places],
                **runs.kept(f"by-encoder-{split}", beside),  # type: ignore[arg-type]
            )
        tables[split] = found
        shown[split] = Shown(places, images.pixels[rows[places]])
    if asked.is_checked:
        scored = Estimate(found.log_prob, found.standard_error, found.flagged)
        tables |= vars(annealing(model, runs.test, rows, scored, asked, runs))
    variance = None
    if classes:
        variance = within_class_variance(runs.test.pixels[rows], present(found.label))
    return Numbers(
        pixels=int(np.prod(learned.shape)),
        refined=not (asked.by_encoder and model.amortized),
        sigma=model.likelihood.sigma if isinstance(model.likelihood, Gaussian) else None,
        within_class_variance=variance,
        shown=shown,
        **tables,
    )


def _scored(
    model: VAE,
    images: Images,
    classes: list[int],
    means: Mapping[int, Floats],
    seed: int,
    split: str,
    asked: LogProbability,
) -> Arrays:
    """Columns of `score`, and the images' ``rows``: fewer where most have to be annealed."""

    def of(rows: Rows) -> Arrays:
        return {"rows": rows, **score(model, images, rows, means, seed, split, asked)}

    rows = _rows(images, classes, split, asked.per_class)
    first = _first(rows, images if classes else None, split, asked.annealed_per_class)
    found = of(rows[first])
    if first.all() or found.get("annealed", np.zeros(1)).mean() > MOSTLY:
        return found
    others = of(rows[~first])
    order = np.argsort(np.concatenate([np.flatnonzero(first), np.flatnonzero(~first)]))
    return {name: np.concatenate([v, others[name]])[order] for name, v in found.items()}


def score(
    model: VAE,
    images: Images,
    rows: Rows,
    means: Mapping[int, Floats],
    seed: int,
    split: str,
    asked: LogProbability,
) -> Arrays:
    """The `Columns` of the images at `rows` by name, (n,) each, but for their index.

    What stays flagged is annealed unless annealing checks it. ``pareto_k`` is known from 100
    samples up; ``mean_image`` is the log-likelihood under the model's own likelihood with the mean
    training image in place of the decoded one, ``class_mean_image`` the same with the mean of the
    image's class. That and ``label`` are there only where `means` has the classes.
    """
    data = observed(model, images, rows, seed, split)
    columns: Arrays = {
        "mean_intensity": mean_intensity(images.pixels[rows]),
        "mean_image": picture_log_prob(model.likelihood, data.x, means[OVERALL]),
    }
    estimate: LogProbEstimate
    if asked.is_checked or (asked.by_encoder and model.amortized):
        by_encoder = asked.by_encoder
        estimate = estimated(model, data, asked.samples, seed, split, by_encoder=by_encoder)
        worth = estimate.ess
    else:
        estimate = precise = _without_flags(model, data, seed, split, asked)
        worth = precise.sampled_ess
        columns |= {"annealed": precise.annealed.astype(np.int64), "upper": present(precise.upper)}
    columns |= {**columns_of(estimate), "effective_samples": present(worth)}
    if estimate.pareto_k is not None and asked.samples >= FEWEST_WEIGHTS:
        columns["pareto_k"] = estimate.pareto_k
    if len(means) > 1:
        own = np.stack([means[c] for c in images.truth[rows].tolist()])
        columns["label"] = images.truth[rows]
        columns["class_mean_image"] = picture_log_prob(model.likelihood, data.x, own)
    return columns


def _without_flags(
    model: VAE, data: Observed, seed: int, split: str, asked: LogProbability
) -> PreciseEstimate:
    """As `estimated` from refined posteriors; what stays flagged is annealed from the same normals.

    An image's value is that of the first method in turn that raises no flag, or of the last, with
    an upper bound beside it.
    """
    generator = torch_stream(seed, "refined", split)
    with within(0, 0.5):
        q = refined_posteriors(model, data, max_steps=asked.gradients, generator=generator)
    with within(0.5, 1):
        return log_prob_to_precision(
            model,
            data,
            precision=math.inf,
            n_samples=asked.samples,
            n_distributions=FEWER_DISTRIBUTIONS[-1],
            refined=q,
            generator=torch_stream(seed, "importance", split),
        )


def _first(rows: Rows, labelled: Images | None, split: str, n: int) -> NDArray[np.bool_]:
    """Which of `rows` are the first `n` of each class, or of all where there are no classes."""
    if labelled is None:
        return numpy_stream(0, "first", split).permutation(len(rows)) < 10 * n
    own = labelled.truth[rows]
    return np.array([np.sum(own[:place] == own[place]) for place in range(len(rows))]) < n


def _rows(images: Images, classes: list[int], split: str, per_class: int) -> Rows:
    if not classes:
        return of_all(images, min(MOST_IMAGES, 10 * per_class), split)
    most = max(2, min(per_class, MOST_IMAGES // len(classes)))
    return of_each_class(images, classes, most, split)


def _shown(n: int, labels: Rows | None, split: str, per_class: int) -> Rows:
    """Which of the n images are shown: the first of each class, which come in random order."""
    if labels is None:
        return np.sort(numpy_stream(0, "shown", split).permutation(n)[: 2 * per_class])
    classes = np.unique(labels)[:SHOWN_CLASSES]
    return np.concatenate([np.flatnonzero(labels == c)[:per_class] for c in classes])


def _by_encoder(
    model: VAE, images: Images, rows: Rows, seed: int, split: str, asked: LogProbability
) -> Arrays:
    """The report's own values: as many samples, from the encoder."""
    data = observed(model, images, rows, seed, split)
    estimate = estimated(model, data, asked.samples, seed, f"{split}-by-encoder", by_encoder=True)
    return {
        "log_prob": estimate.log_prob,
        "flagged": estimate.flagged.astype(np.int64),
        "effective_samples": present(estimate.ess),
    }


def of_all_seeds(seeds: Seeds[Numbers]) -> Seeds[Numbers]:
    """The images that all seeds scored: a seed scores fewer where most have to be annealed."""
    names = [f"{beside}{split}" for beside in ("", "by_encoder_") for split in SPLITS]
    tables = {name: [getattr(one, name) for one in seeds] for name in names}
    common = {
        name: reduce(np.intersect1d, [table.index for table in each])
        for name, each in tables.items()
        if None not in each
    }

    def of(one: Numbers) -> Numbers:
        kept, shown = {}, {}
        for name, index in common.items():
            table = getattr(one, name)
            kept[name] = np.isin(table.index, index)
        for split, own in one.shown.items():
            there, places = kept[split][own.rows], np.cumsum(kept[split]) - 1
            shown[split] = Shown(places[own.rows[there]], own.pixels[there])
        found = {name: _taken(getattr(one, name), rows) for name, rows in kept.items()}
        return replace(one, shown=shown, **found)

    return seeds.each(of)


def _taken(table: Any, rows: NDArray[np.bool_]) -> Any:
    columns = {name: column for name, column in vars(table).items() if column is not None}
    return replace(table, **{name: column[rows] for name, column in columns.items()})


class Found(BySplit[Numbers, LogProbability]):
    """log p(x), and what it is read beside, of every seed."""

    @cached_property
    def checks(self) -> Relations | None:
        """What other methods say of it, where they were asked for."""
        if not self.asked.is_checked:
            return None
        return Relations(self.seeds.each(lambda one: one.checks), self.asked)

    def class_means(self, column: str) -> Floats:
        """The mean of each class's test images, (K,)."""
        return np.array([values.value for values in self.of_classes("test", column)])

    def average(self, split: str) -> Number:
        """The mean log p(x) of a split."""
        return self.of(split, "log_prob").mean()

    def train_minus_test(self) -> Number:
        """Within each class where there are classes, averaged over them."""
        train, test = (self.of(split, "log_prob") for split in SPLITS)
        if self.classes:
            train, test = self._stratified(train, "train"), self._stratified(test, "test")
        return difference(train, test).mean()

    def _stratified(self, values: Measured, split: str) -> Measured:
        places = np.searchsorted(self.classes, self.labels(split))
        return values.stratified(places, len(self.classes))

    def top(self) -> Best:
        """The likeliest class of the test images against the others, named by place in `classes`.

        Raises:
            Undefined: where no two classes can be compared.
        """
        each = self.of_classes("test", "log_prob")
        return best_class({str(k): values for k, values in enumerate(each)})

    def beside(self, column: str) -> Floats:
        """The test classes' means of what log p(x) is read beside, (K,)."""
        if column == "within_class_variance":
            return np.asarray(self.first.within_class_variance)
        return self.class_means(column)

    @property
    def picture(self) -> str:
        """The mean image that decides: of the class, or of all where there are none."""
        return "class_mean_image" if self.classes else "mean_image"

    def shares_explained(self) -> dict[str, Number]:
        """How much of the variance between class means of log p(x) a line in each accounts for."""
        means = self.class_means("log_prob")
        return {
            column: explained(correlation(means, self.beside(column), over="classes"))
            for column in BESIDE
        }

    def correlations(self) -> dict[str, Number]:
        """log p(x) against the rest over single test images."""
        log_prob = self.by_image("test", "log_prob")
        return {
            column: correlation(log_prob, self.by_image("test", column), over="test images")
            for column in BESIDE[:-1]
            if self.has("test", column)
        }

    @property
    def beside_encoder(self) -> bool:
        """Whether values by the encoder stand beside them."""
        return self.first.by_encoder_test is not None

    def encoder_minus_refined(self) -> Number:
        """The report's values minus those from refined posteriors, of the shown images."""
        shown = partial(self.seeds.measured, unit="nats", images="shown images")
        own = shown(lambda one: one.by_encoder("log_prob"))
        return (own - shown(lambda one: one.by_encoder("refined"))).mean()

    def of_encoder(self, column: str) -> Floats:
        """Of the shown images of all seeds and both splits, by samples from the encoder."""
        return self.seeds.pooled(lambda one: one.by_encoder(column))

    def flagged(self) -> Number:
        """The share of estimates that diagnostics call unreliable, of both splits."""
        return counted(self.pooled("flagged"), "estimates")

    def annealed(self) -> Number | None:
        """The share of images whose importance samples were flagged, so that they were annealed."""
        if not self.has("test", "annealed"):
            return None
        return counted(self.pooled("annealed"), "estimates")

    def apart(self) -> float | None:
        """The median of upper minus lower bound of what stayed flagged; None where nothing did."""
        if not self.has("test", "upper"):
            return None
        apart = np.abs(self.pooled("upper") - self.pooled("log_prob"))  # chance may cross them
        apart = apart[np.isfinite(apart)]
        return float(np.median(apart)) if len(apart) else None

    def typical(self, column: str) -> float | None:
        """The median of a diagnostic over images of both splits; None where it is undefined."""
        if not self.has("test", column):
            return None
        values = self.pooled(column)
        values = values[np.isfinite(values)]
        return float(np.median(values)) if len(values) else None

    def ceiling(self) -> float | None:
        """What no Gaussian log p(x) can exceed, in nats; None for other likelihoods."""
        if self.first.sigma is None:
            return None
        log_sigma = self.seeds.average(lambda one: float(np.log(present(one.sigma))))
        return -float(self.first.pixels) * (log_sigma + 0.5 * float(np.log(2 * np.pi)))

    @cached_property
    def numbers(self) -> dict[str, Number]:
        numbers = {
            "test.log-prob": self.average("test"),
            "train.log-prob": self.average("train"),
            "train-minus-test.log-prob": self.train_minus_test(),
        }
        if self.classes:
            try:
                numbers["top-minus-next.log-prob"] = self.top().lead
            except Undefined as error:
                numbers["top-minus-next.log-prob"] = undefined(str(error), unit="nats")
            shares = self.shares_explained()
            numbers |= {f"between-classes.explained-by.{kebab(c)}": s for c, s in shares.items()}
        numbers |= {f"images.correlation.{kebab(c)}": r for c, r in self.correlations().items()}
        numbers["flagged"] = self.flagged()
        if (annealed := self.annealed()) is not None:
            numbers["annealed"] = annealed
        if (apart := self.apart()) is not None:
            numbers["flagged.upper-minus-lower.median"] = Number(apart, unit="nats")
        if self.beside_encoder:
            numbers["encoder-minus-refined.log-prob"] = self.encoder_minus_refined()
            numbers["encoder.flagged"] = counted(self.of_encoder("flagged"), "estimates")
        for column, unit in (("standard_error", "nats"), ("effective_samples", "samples")):
            if (median := self.typical(column)) is not None:
                numbers[f"{kebab(column)}.median"] = Number(median, unit=unit)
        if (ceiling := self.ceiling()) is not None:
            numbers["ceiling"] = Number(
                ceiling, unit="nats", interval="exact, from σ and the pixels"
            )
        if 0 < len(self.classes) <= NAMED_CLASSES:
            means = self.by_class("test", "log_prob")
            for c, number in zip(self.classes, means, strict=True):
                numbers[f"test.log-prob.class.{self.setting.class_names[c]}"] = number
        return numbers if self.checks is None else numbers | self.checks.numbers()


def kebab(column: str) -> str:
    """A column's name as part of a number's.

    >>> kebab("class_mean_image")
    'class-mean-image'
    """
    return column.replace("_", "-")
