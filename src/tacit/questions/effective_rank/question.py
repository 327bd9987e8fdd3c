"""Along how many directions do codes tell images apart?"""

from typing import Annotated

from tacit.questions.base import Learns, OfRuns


class EffectiveRank(OfRuns):
    """The effective rank of codes, and how it went while contrastive runs learned.

    Attributes:
        runs: what has an encoder.
    """

    name = "effective-rank"
    title = "Do the codes tell images apart?"
    asks = (
        "Along how many directions do the codes of unseen images vary, and did they fall together "
        "while they were learned?"
    )
    sources = ("Roy and Vetterli 2007 (effective rank)",)
    as_trained = True
    reads_features = True
    weight = 0.2

    runs: Annotated[
        tuple[str, ...], Learns("autoencoder", "amortized vae", "classifier", "contrastive")
    ]
