"""What does an encoder that learned without labels gain a classifier of few labels?"""

from typing import Annotated

from pydantic import model_validator

from tacit.questions.base import Learns, Question

METHODS = {
    "scratch": "from scratch",
    "transferred": "transferred, fine-tuned",
    "frozen": "transferred, frozen",
}


class Transfer(Question):
    """Accuracy and overfitting gap over draws of few labels, paired on the same draws and seeds.

    Attributes:
        scratch: classifiers of few labels with an encoder of their own.
        transferred: the same with an encoder from another run, trained on.
        frozen: the same with that encoder as it was, or with one from elsewhere. One of the two may
            be left out.
    """

    name = "transfer"
    title = "Does transfer gain accuracy?"
    asks = (
        "With few labels, does a classifier gain from an encoder that has learned from all images "
        "without labels, and does it overfit less?"
    )
    rules = ("transfer",)
    reads_features = True
    needs_labels = True
    weight = 2.0

    scratch: Annotated[str, Learns("classifier")]
    transferred: Annotated[str | None, Learns("classifier")] = None
    frozen: Annotated[str | None, Learns("classifier")] = None

    @model_validator(mode="after")
    def _something_is_transferred(self) -> "Transfer":
        if self.transferred is None and self.frozen is None:
            raise ValueError("compares nothing; name a run as transferred, as frozen, or both")
        return self

    @property
    def methods(self) -> dict[str, str]:
        """The runs by what they stand for."""
        named = {method: getattr(self, method) for method in METHODS}
        return {method: run for method, run in named.items() if run is not None}

    def without(self, run: str) -> "Question | None":
        left = super().without(run)
        return left if isinstance(left, Transfer) and len(left.methods) > 1 else None
