"""Along how many directions do codes tell images apart?"""

from collections.abc import Mapping
from typing import Any, ClassVar

from tacit.questions.base import Measurement, OfRuns, Runs, Setting
from tacit.questions.effective_rank import figures, numbers, words
from tacit.questions.shared.seeds import Seeds


class EffectiveRank(OfRuns):
    """The effective rank of codes, and how it went while contrastive runs learned.

    Attributes:
        runs: what has an encoder.
    """

    name: ClassVar[str] = "effective-rank"
    rooms: ClassVar[tuple[Any, Any]] = (words, figures)
    title: ClassVar[str] = "Do the codes tell images apart?"
    asks: ClassVar[str] = (
        "Along how many directions do the codes of unseen images vary, and did they fall together "
        "while they were learned?"
    )
    sources: ClassVar[tuple[str, ...]] = ("Roy and Vetterli 2007 (effective rank)",)
    as_trained: ClassVar[bool] = True
    reads_features: ClassVar[bool] = True
    weight: ClassVar[float] = 0.2
    kinds: ClassVar[tuple[str, ...]] = ("autoencoder", "amortized vae", "classifier", "contrastive")

    def measure(self, runs: Runs) -> Measurement:
        return Measurement.of(numbers.measure(runs, self.runs))

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        return numbers.Ranks(Seeds.of(numbers.Numbers, measured), self.runs)
