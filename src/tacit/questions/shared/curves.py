"""Loss curves of a run over its seeds and draws: kept by `measure`, put together by `answer`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tacit.figures.charts import Series
from tacit.measures.distances import Floats
from tacit.questions.base import Measurement
from tacit.training.run_folder import SavedRun

SPLITS = ("train", "test")


def keep_curves(
    found: Measurement, prefix: str, draws: Sequence[SavedRun], names: Sequence[str]
) -> None:
    """Keep the evaluations that all draws of a run share, as arrays ``PREFIX/…``.

    ``update`` (E,); for each split and term ``SPLIT.TERM`` (D, E), its means, and
    ``SPLIT.TERM.error``, their standard errors over images. A split that was not evaluated is
    left out.
    """
    curves = {
        (split, name): [draw.history.curve(split, name) for draw in draws]
        for split in SPLITS
        for name in names
    }
    shared = [set(update.tolist()) for lines in curves.values() for update, _, _ in lines]
    updates = np.array(sorted(set.intersection(*(s for s in shared if s))))
    found.arrays[f"{prefix}/update"] = updates
    for (split, name), lines in curves.items():
        if any(len(update) == 0 for update, _, _ in lines):
            continue
        kept = [np.isin(update, updates) for update, _, _ in lines]
        found.arrays[f"{prefix}/{split}.{name}"] = np.stack(
            [mean[keep] for (_, mean, _), keep in zip(lines, kept, strict=True)]
        )
        found.arrays[f"{prefix}/{split}.{name}.error"] = np.stack(
            [error[keep] for (_, _, error), keep in zip(lines, kept, strict=True)]
        )
    by_updates = draws[0].train_index is not None
    found.values[f"{prefix}/updates-per-epoch"] = (
        0.0 if by_updates else float(draws[0].schedule.batches_per_epoch)
    )


@dataclass(frozen=True)
class Curve:
    """One term on one split, over seeds and draws.

    Attributes:
        label: what it is called in a chart.
        x: epochs, or updates for runs of few labels, (E,).
        update: (E,).
        mean, error: over images, for each seed and draw, (S, D, E).
    """

    label: str
    x: Floats
    update: Floats
    mean: Floats
    error: Floats

    @property
    def average(self) -> Floats:
        """Over seeds and draws, (E,)."""
        return self.mean.mean(axis=(0, 1))

    def series(self, colour: int, *, dashed: bool = False) -> Series:
        """Drawn with the band that `band_is` names."""
        if self.mean.shape[0] * self.mean.shape[1] > 1:
            low, high = self.mean.min(axis=(0, 1)), self.mean.max(axis=(0, 1))
        else:
            half = stats.norm.ppf(0.975) * self.error[0, 0]
            low, high = self.average - half, self.average + half
        return Series(self.label, self.x, self.average, low, high, colour=colour, dashed=dashed)


def curve_of(
    measured: Mapping[int, Measurement], prefix: str, split: str, name: str, label: str = ""
) -> Curve:
    """The curve of a split and term that `keep_curves` kept under `prefix`, over all seeds.

    Raises:
        KeyError: if it was not evaluated.
    """
    arrays = [found.arrays for found in measured.values()]
    update = arrays[0][f"{prefix}/update"].astype(float)
    return Curve(
        label or split,
        update / (updates_per_epoch(measured, prefix) or 1),
        update,
        _stacked([a[f"{prefix}/{split}.{name}"] for a in arrays]),
        _stacked([a[f"{prefix}/{split}.{name}.error"] for a in arrays]),
    )


def updates_per_epoch(measured: Mapping[int, Measurement], prefix: str) -> float:
    """How many updates an epoch has; 0 for a run of few labels, which is drawn against updates."""
    return next(iter(measured.values())).values[f"{prefix}/updates-per-epoch"]


def axis_of(measured: Mapping[int, Measurement], prefix: str) -> str:
    """What the curves under `prefix` are drawn against."""
    return "epochs" if updates_per_epoch(measured, prefix) else "updates"


def band_is(n_seeds: int, n_draws: int) -> str:
    """What the band around a curve shows, for a caption."""
    if n_seeds * n_draws > 1:
        units = [f"{n} {unit}s" for n, unit in ((n_seeds, "seed"), (n_draws, "draw")) if n > 1]
        return f"bands reach from the lowest to the highest of {' × '.join(units)}"
    return "bands are 95 % intervals over images, given this model"


def _stacked(arrays: Sequence[NDArray[np.generic]]) -> Floats:
    return np.stack(arrays).astype(np.float64)
