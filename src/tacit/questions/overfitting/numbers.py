"""How it is judged whether a run is overfitted, from the numbers of all seeds and draws."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tacit.measures.distances import Floats
from tacit.measures.intervals import crossed, decide, welch
from tacit.measures.number import Number
from tacit.questions.base import Measurement
from tacit.questions.overfitting.measuring import is_per_image
from tacit.questions.shared.curves import Curve, axis_of, curve_of
from tacit.questions.shared.turning import rise_over_curves, rise_over_images, turned_at
from tacit.streams import numpy_stream
from tacit.training.run_folder import SavedRun

KINDS = ("classifier", "vae", "autoencoder")
LOSSES = (
    "cross-entropy",
    "negative ELBO",
    "squared error",
    "β-weighted negative ELBO",
    "negative importance-weighted bound",
)
"""What a run may minimise, in words; all but the squared error are in nats."""


OVERFITTED, BETTER, NONE, LOWER, UNDECIDED = (
    "overfitted",
    "better on training images, but the test loss has not distinguishably risen",
    "no distinguishable gap",
    "better on test images",
    "undecided",
)


@dataclass(frozen=True)
class Judged:
    """What was found about one run.

    Attributes:
        run: its name. kind: of model. loss: what it minimises, in words.
        refined: whether its images' posteriors were refined.
        gap: test minus training loss after the last update.
        rise: of the test loss since its lowest. turned: the update of the lowest.
        accuracy_gap: training minus test, of a classifier.
        train, test: the loss curves. axis: what they are drawn against.
    """

    run: str
    kind: str
    loss: str
    refined: bool
    gap: Number
    rise: Number
    turned: Number
    accuracy_gap: Number | None
    train: Curve
    test: Curve
    axis: str

    @property
    def verdict(self) -> str:
        """By the rule that `Overfitting` states."""
        gap = decide(self.gap)
        if gap == "higher":
            return OVERFITTED if decide(self.rise) == "higher" else BETTER
        return {"lower": LOWER, "undefined": UNDECIDED}.get(gap, NONE)


def loss_of(run: SavedRun) -> str:
    """One of `LOSSES`. Refinement maximises the ELBO itself, whatever training did."""
    if run.config.learn != "vae":
        return "cross-entropy" if run.config.learn == "classifier" else "squared error"
    if is_per_image(run):
        return "negative ELBO"
    if run.objective_table.kind != "elbo":
        return "negative importance-weighted bound"
    return "negative ELBO" if run.beta == 1 else "β-weighted negative ELBO"


def judge(measured: Mapping[int, Measurement], run: str) -> Judged:
    """The numbers of one run, over all seeds and draws."""
    prefix, table = f"run.{run}", f"table/{run}"
    seed, first = next(iter(measured.items()))
    kind = KINDS[int(first.values[f"{prefix}/kind"])]
    unit = "" if kind == "autoencoder" else "nats"
    train, test = (curve_of(measured, prefix, split, "loss") for split in ("train", "test"))
    rng = numpy_stream(seed, "overfitting", run)
    single = test.mean.shape[0] * test.mean.shape[1] == 1
    accuracy = None
    if single:
        loss, is_test = first.arrays[f"{table}/loss"], first.arrays[f"{table}/test"] == 1
        gap = welch(loss[is_test], loss[~is_test], unit=unit)
        rise = rise_over_images(first.arrays[f"{prefix}/snapshot.test"].astype(float), rng, unit)
        if kind == "classifier":
            right = [100 * first.arrays[f"{prefix}/{s}.right"] for s in ("train", "test")]
            accuracy = welch(*right, unit="percentage points")
    else:
        gap = crossed(
            finals(measured, f"{prefix}/final.test.loss")
            - finals(measured, f"{prefix}/final.train.loss"),
            unit=unit,
        )
        rise = rise_over_curves(test.mean, unit)
        if kind == "classifier":
            accuracy = crossed(
                100
                * (
                    finals(measured, f"{prefix}/final.train.accuracy")
                    - finals(measured, f"{prefix}/final.test.accuracy")
                ),
                unit="percentage points",
            )
    return Judged(
        run=run,
        kind=kind,
        loss=LOSSES[int(first.values[f"{prefix}/loss"])],
        refined=bool(first.values[f"{prefix}/refined"]),
        gap=gap,
        rise=rise,
        turned=turned_at(test.update, test.mean, rng),
        accuracy_gap=accuracy,
        train=train,
        test=test,
        axis=axis_of(measured, prefix),
    )


def finals(measured: Mapping[int, Measurement], name: str) -> Floats:
    """Seeds × draws, (S, D)."""
    return np.stack([found.arrays[name].astype(np.float64) for found in measured.values()])
