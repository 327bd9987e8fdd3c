"""Loss curves of a run over its seeds and draws: kept by `measure`, put together by `answer`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tacit.figures.charts import Series
from tacit.measures.distances import Floats
from tacit.questions.shared.splits import SPLITS
from tacit.training.evaluation import EVALUATED_IMAGES
from tacit.training.run_folder import SavedRun


def looked_at(*counts: int) -> str:
    """For a caption: that curves are of some images alone, where a split has more than they see.

    counts: how many images the splits have.
    """
    if max(counts) <= EVALUATED_IMAGES:
        return ""
    return (
        f" Curves are of the same {EVALUATED_IMAGES:,} images of a split that has more; numbers in "
        "words and tables are of all that are compared, and differ a little."
    )


@dataclass(frozen=True)
class Line:
    """One term on one split: its mean over images and that mean's standard error, (D, E) each."""

    mean: Floats
    error: Floats


@dataclass(frozen=True)
class Kept:
    """The evaluations that all draws of a run share.

    Attributes:
        update: of the evaluations, (E,).
        per_epoch: updates in an epoch; 0 for a run of few labels, which is drawn against updates.
        loss, accuracy: by split; a split that was not evaluated is left out.
    """

    update: NDArray[np.int64]
    per_epoch: float
    loss: dict[str, Line]
    accuracy: dict[str, Line]

    @classmethod
    def of(cls, draws: Sequence[SavedRun]) -> "Kept":
        """From the histories of all draws of a run."""
        curves = {
            (term, split): [draw.history.curve(split, term) for draw in draws]
            for term in ("loss", "accuracy")
            for split in SPLITS
        }
        curves = {key: lines for key, lines in curves.items() if all(len(u) for u, _, _ in lines)}
        shared = [set(update.tolist()) for lines in curves.values() for update, _, _ in lines]
        updates = np.array(sorted(set.intersection(*shared)))
        terms: dict[str, dict[str, Line]] = {"loss": {}, "accuracy": {}}
        for (term, split), lines in curves.items():
            mean, error = (
                np.stack([line[part][np.isin(line[0], updates)] for line in lines])
                for part in (1, 2)
            )
            terms[term][split] = Line(mean, error)
        by_updates = draws[0].train_index is not None
        per_epoch = 0.0 if by_updates else float(draws[0].schedule.batches_per_epoch)
        return cls(updates, per_epoch, **terms)

    @property
    def few(self) -> bool:
        """Whether the run learned from draws of few labels."""
        return not self.per_epoch

    @property
    def axis(self) -> str:
        """What the curves are drawn against."""
        return "updates" if self.few else "epochs"

    def when(self, update: float) -> str:
        """An update on that axis, in words."""
        if self.few:
            return f"update {update:,.0f}"
        return f"epoch {update / self.per_epoch:.3g} (update {update:,.0f})"


@dataclass(frozen=True)
class Curve:
    """One term on one split, over seeds and draws.

    Attributes:
        label: the split.
        x: epochs, or updates for runs of few labels, (E,).
        update: (E,).
        mean, error: over images, for each seed and draw, (S, D, E).
    """

    label: str
    x: Floats
    update: Floats
    mean: Floats
    error: Floats

    @classmethod
    def of(cls, kept: Iterable[Kept], term: str, split: str) -> "Curve":
        """From what every seed kept.

        Raises:
            KeyError: if the split was not evaluated.
        """
        seeds = list(kept)
        lines = [getattr(one, term)[split] for one in seeds]
        update = seeds[0].update.astype(float)
        mean, error = (
            np.stack([part.astype(np.float64) for part in parts])
            for parts in zip(*((line.mean, line.error) for line in lines), strict=True)
        )
        return cls(split, update / (seeds[0].per_epoch or 1), update, mean, error)

    @property
    def average(self) -> Floats:
        """Over seeds and draws, (E,)."""
        return self.mean.mean(axis=(0, 1))

    @property
    def band_is(self) -> str:
        """What the band around the curve shows, for a caption."""
        counts = zip(self.mean.shape[:2], ("seeds", "draws"), strict=True)
        units = [f"{n} {unit}" for n, unit in counts if n > 1]
        if units:
            return f"bands reach from the lowest to the highest of {' × '.join(units)}"
        return "bands are 95 % intervals over images, given this model"

    def series(self) -> Series:
        """Drawn with the band that `band_is` names."""
        low, high = self.mean.min(axis=(0, 1)), self.mean.max(axis=(0, 1))
        if self.mean.shape[0] * self.mean.shape[1] == 1:
            half = stats.norm.ppf(0.975) * self.error[0, 0]
            low, high = self.average - half, self.average + half
        return Series(self.label, self.x, self.average, low, high, split=self.label)
