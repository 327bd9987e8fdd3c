"""What the labels say of themselves: held out in turn, without learning anything anew."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tacit.labels.calibration import Temperature, even_weights
from tacit.labels.choosing import share_of
from tacit.labels.cross_validation import held_out_temperature, held_out_trials, turns_for
from tacit.labels.draws import Labelled
from tacit.labels.propagation.incremental import Spread
from tacit.streams import numpy_stream

MORE = 20
"""Labels that a forecast is about."""

LITTLE = 0.005
"""A gain of less than half a point by `MORE` labels is not worth them."""

_HALVES = 12


@dataclass(frozen=True)
class Judgement:
    """How good the answers are, by labels that they had not seen.

    Attributes:
        accuracy: the share of held-out labels told right; None where none can be held out.
        low, high: Wilson's 95 % interval over labels.
        n: how many labels were held out, each counting once.
        temperature: of the confidence.
        coming: the accuracy to expect at most with `MORE` labels more; None where nobody can say.
        coming_low, coming_high: the same from the ends of the interval.
    """

    accuracy: float | None
    low: float | None
    high: float | None
    n: int
    temperature: Temperature
    coming: float | None = None
    coming_low: float | None = None
    coming_high: float | None = None

    @property
    def enough(self) -> bool:
        """Whether `MORE` labels would bring too little to be worth them."""
        return (
            self.coming is not None
            and self.accuracy is not None
            and self.n >= MORE
            and self.coming - self.accuracy < LITTLE
        )


NOT_YET = Judgement(
    None,
    None,
    None,
    0,
    Temperature(None, "no class has two labels yet, of which one is held out", 0),
)


def judge(spread: Spread, n_classes: int, *, seed: int = 0) -> Judgement:
    """Hold labels out by `tacit.labels.cross_validation`, and see what the others make of them.

    The forecast takes the error to fall as a power of the number of labels, by what half of the
    labels make of the other half beside what all but one of each class make of those. It is an
    upper end: the images that are asked for get harder, so that less came where it was measured
    (docs/labelling.md).
    """
    y = np.asarray(spread.y, np.int64)
    if len(np.unique(y)) < 2:
        return NOT_YET
    places = Labelled(np.arange(len(y)), y)
    trials = held_out_trials(places, turns_for(y), seed=seed)
    if not trials:
        return NOT_YET
    logits = np.concatenate(
        [spread.held_out(trial.learned.index, trial.held, n_classes) for trial in trials]
    )
    label = np.concatenate([trial.held for trial in trials])
    weights = even_weights(label)
    n = len(np.unique(label))
    right = float(weights @ (logits.argmax(axis=1) == y[label])) / n
    share = share_of(right, n)
    temperature = held_out_temperature(logits, y[label], label)
    learned = float(np.mean([len(trial.learned.index) for trial in trials]))
    factor = _factor(spread, y, n_classes, 1 - right, learned, n, seed)
    told = (right, share.low, share.high)
    coming = [None if factor is None or a is None else 1 - factor * (1 - a) for a in told]
    return Judgement(*told, n, temperature, *coming)


def _factor(
    spread: Spread,
    y: NDArray[np.int64],
    n_classes: int,
    error: float,
    learned: float,
    n: int,
    seed: int,
) -> float | None:
    """By what the error is multiplied when `MORE` labels come; None with too few labels."""
    if len(y) < MORE // 2 or np.bincount(y).max() < 4:
        return None
    wrong, of, size = 0.0, 0, 0.0
    for half in range(_HALVES):
        chosen = numpy_stream(seed, "half", half).permutation(len(y))
        # One label of each class first, then as the order has it.
        _, first = np.unique(y[chosen], return_index=True)
        order = np.concatenate([chosen[np.sort(first)], np.delete(chosen, first)])
        cut = max(len(first), len(y) // 2)
        known, rest = order[:cut], order[cut:]
        if not len(rest):
            return None
        told = spread.held_out(known, rest, n_classes).argmax(axis=1)
        wrong, of, size = wrong + float((told != y[rest]).sum()), of + len(rest), size + cut
    few = (wrong / of * n + 0.5) / (n + 1)
    all_ = (error * n + 0.5) / (n + 1)
    size /= _HALVES
    if learned <= size:
        return None
    power = min(max(math.log(few / all_) / math.log(learned / size), 0.0), 2.0)
    return (len(y) / (len(y) + MORE)) ** power
