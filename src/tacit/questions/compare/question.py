"""Is one of several runs better than the others?"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from tacit.images.dataset import Images
from tacit.questions.base import OfRuns


class Compare(OfRuns):
    """Runs that differ in whatever their settings say, paired on the same seeds and test images.

    Attributes:
        runs: two or more.
        by: "accuracy" of classifiers, "elbo" of VAEs with an encoder, "squared-error" of what
            reconstructs, "neighbours" of anything that has codes: how often the nearest labelled
            training image is of the same class. By default the first that all runs have.
    """

    name = "compare"
    title = "Is one of the runs the best?"
    asks = "Is one of the runs better than all the others, on unseen images?"
    rules = ("best-run",)
    sources = (
        "Hung and Fithian 2019 (rank verification)",
        "Goldwasser and others 2025 (unequal variances)",
    )
    weight = 0.5
    fewest = 2

    by: Literal["accuracy", "elbo", "squared-error", "neighbours"] | None = None

    def needs(self) -> dict[str, tuple[str, ...]]:
        by = self.by or "neighbours"  # all models that can be compared have codes
        return dict.fromkeys(self.runs, self.room("numbers").MEASURES[by].of)

    def errors(self, runs: Mapping[str, Any]) -> Iterator[str]:
        """One measure has one meaning for all."""
        by = self.by or self.room("numbers").chosen({runs[name].learn for name in self.runs})
        if self.by is None and by == "neighbours":
            kinds = sorted({str(runs[name].learn) for name in self.runs})
            yield (
                f"runs that learn {' and '.join(kinds)} have codes alone in common; compare them "
                "with by: neighbours"
            )
        kinds = sorted({runs[name].likelihood.kind for name in self.runs})
        if by == "elbo" and len(kinds) > 1:
            yield (
                f"likelihoods are {' and '.join(kinds)}: a density and a probability have no ELBO "
                "in common; compare them with by: squared-error or neighbours"
            )

    def check(self, train: Images, test: Images) -> None:
        """Some measures need classes."""
        needed = self.by and self.room("numbers").MEASURES[self.by].labels
        if needed and (train.labels is None or test.labels is None):
            raise ValueError(
                f"question '{self.name}' by {self.by} needs classes, and these images have none; "
                "squared-error and elbo do without"
            )
