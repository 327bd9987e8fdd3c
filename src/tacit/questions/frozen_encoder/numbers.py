"""The numbers of the question `frozen-encoder`, combined over its seeds.

Every number is a mean of per-image values (`tacit.measures.ratios` makes them of ratios), so that
one rule gives all intervals: over seeds, or over test images where there is one seed; paired where
two models are compared; and within a class as well as over all.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.measures.distances import Floats
from tacit.measures.intervals import decide
from tacit.measures.number import Number, undefined
from tacit.measures.ratios import ratio_values
from tacit.questions.base import Measurement
from tacit.questions.shared.over_seeds import over_seeds

DECODERS = ("reference", "frozen", "probabilities")
MEASURES = ("silhouette", "fisher", "nearest-neighbour")
PER_IMAGE = "per image"

Values = Callable[[Measurement], Floats]


class Kept:
    """What was kept of the images, by role: the measurements of all seeds, and numbers of them.

    A class is given as its number; None is all images.
    """

    def __init__(self, measured: Mapping[int, Measurement]) -> None:
        self.measured = measured
        self.first = next(iter(measured.values()))

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """The classes that have images enough to be compared."""
        return tuple(np.unique(self.first.arrays["table/separation/label"]).tolist())

    def error(self, role: str) -> Number:
        """The squared error of a decoder on test images; role "class-mean" is no decoder."""
        return self._number(lambda m: finite(m.floats(f"table/errors/{role}")), unit=PER_IMAGE)

    def train_error(self, role: str) -> Number:
        """The same on training images."""
        return self._number(
            lambda m: m.floats(f"train-error/{role}"), unit=PER_IMAGE, images="training images"
        )

    def error_difference(self, first: str, second: str) -> Number:
        """The squared error of one decoder minus another's, on the same test images."""
        return self._number(
            lambda m: m.floats(f"table/errors/{first}") - m.floats(f"table/errors/{second}"),
            paired=True,
            unit=PER_IMAGE,
        )

    def share(self, of_class: int | None = None) -> Number:
        """(probabilities - frozen) / (probabilities - reference), in squared error.

        0 is the decoder on class probabilities, 1 the autoencoder. Undefined where the two ends
        are not distinguishable, or where the autoencoder is the worse.
        """

        def ends(m: Measurement) -> tuple[Floats, Floats]:
            worst, frozen, best = (
                self._errors_of(m, role, of_class)
                for role in ("probabilities", "frozen", "reference")
            )
            return worst - frozen, worst - best

        gap = self._number(lambda m: ends(m)[1], paired=True)
        if decide(gap) != "higher" and (gap.low is not None or (gap.value or 0) <= 0):
            return undefined(
                "the autoencoder does not beat the class probabilities, "
                "so there is nothing between them",
                unit="share",
            )
        return self._number(
            lambda m: ratio_values(*ends(m)),
            paired=True,
            unit="share",
        )

    def variability(self, role: str, of_class: int | None = None) -> Number:
        """The variance within classes of a decoder's outputs, as a share of the originals' own."""
        return self._number(
            lambda m: self._variability(m, role, of_class),
            unit="share",
        )

    def variability_difference(
        self, first: str, second: str, of_class: int | None = None
    ) -> Number:
        """One decoder's `variability` minus another's."""
        return self._number(
            lambda m: (
                self._variability(m, first, of_class) - self._variability(m, second, of_class)
            ),
            paired=True,
            unit="share",
        )

    def separation(self, what: str, measure: str, of_class: int | None = None) -> Number:
        """One of `MEASURES` of "originals", or of a role's "-code" or "-output"."""
        return self._number(
            lambda m: self._separation(m, what, measure, of_class),
            unit="accuracy" if measure == "nearest-neighbour" else "",
        )

    def separation_difference(
        self, first: str, second: str, measure: str, of_class: int | None = None
    ) -> Number:
        """`separation` of one minus that of another, on the same images."""
        return self._number(
            lambda m: (
                self._separation(m, first, measure, of_class)
                - self._separation(m, second, measure, of_class)
            ),
            paired=True,
            unit="share" if measure == "nearest-neighbour" else "",
        )

    def still_falling(self, role: str) -> float:
        """By what share the test error fell over the last fifth of training, mean over seeds."""
        falls = []
        for m in self.measured.values():
            epochs, means = m.arrays[f"curve/{role}/test"]
            if len(means) > 1:
                before = means[np.searchsorted(epochs, 0.8 * epochs[-1], side="right") - 1]
                falls.append(1 - means[-1] / before)
        return float(np.mean(falls)) if falls else 0.0

    def numbers(self) -> dict[str, Number]:
        """Those that are kept in results.json."""
        numbers = {"share": self.share()}
        for role in (*DECODERS, "class-mean"):
            numbers[f"squared-error.{role}"] = self.error(role)
        numbers["squared-error.frozen-minus-reference"] = self.error_difference(
            "frozen", "reference"
        )
        numbers["squared-error.probabilities-minus-frozen"] = self.error_difference(
            "probabilities", "frozen"
        )
        for role in DECODERS:
            numbers[f"variability.{role}"] = self.variability(role)
        numbers["variability.frozen-minus-reference"] = self.variability_difference(
            "frozen", "reference"
        )
        for what in ("code", "output"):
            for measure in MEASURES:
                numbers[f"{measure}.{what}.frozen-minus-reference"] = self.separation_difference(
                    f"frozen-{what}", f"reference-{what}", measure
                )
        return numbers

    def _number(
        self,
        values: Values,
        *,
        paired: bool = False,
        images: str = "test images",
        unit: str = "",
    ) -> Number:
        per_seed = [values(m) for m in self.measured.values()]
        return over_seeds(per_seed, paired=paired, images=images, unit=unit)

    def _errors_of(self, m: Measurement, role: str, of_class: int | None) -> Floats:
        errors: Floats = m.arrays[f"table/errors/{role}"].astype(np.float64)
        return errors if of_class is None else errors[m.arrays["table/errors/label"] == of_class]

    def _column(self, m: Measurement, name: str, of_class: int | None) -> Floats:
        """A column of the separation's table; empty where nothing could be compared."""
        labels = m.arrays["table/separation/label"]
        if not len(labels):
            return np.empty(0)
        column: NDArray[np.float64] = m.arrays[f"table/separation/{name}"].astype(np.float64)
        return column if of_class is None else column[labels == of_class]

    def _variability(self, m: Measurement, role: str, of_class: int | None) -> Floats:
        return ratio_values(
            self._column(m, f"{role}-output-within", of_class),
            self._column(m, "originals-within", of_class),
        )

    def _separation(self, m: Measurement, what: str, measure: str, of_class: int | None) -> Floats:
        if measure == "fisher":
            return ratio_values(
                self._column(m, f"{what}-between", of_class),
                self._column(m, f"{what}-within", of_class),
            )
        return self._column(m, f"{what}-{measure}", of_class)


def finite(values: Floats) -> Floats:
    """Those that are defined: an image of unknown class has no distance to its class."""
    return values[np.isfinite(values)]
