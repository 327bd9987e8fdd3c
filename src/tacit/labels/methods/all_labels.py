"""The run itself, a classifier that has all labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.labels.draws import Labelled
from tacit.labels.methods.base import Answered, Method, Problem
from tacit.labels.networks import class_probabilities


@dataclass(frozen=True, kw_only=True)
class AllLabels(Method):
    """A classifier that has learned from all training labels: the same in every trial."""

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        if not wanted:
            return
        assert problem.trained is not None
        model = problem.trained
        found = problem.once("probabilities", lambda: class_probabilities(model, problem.new))
        for t in wanted:
            yield Answered(t, found, model=model)


ALL_LABELS = AllLabels(
    name="all-labels",
    short="all labels",
    words="{codes}, which has all labels,",
    family="network",
    reads="classifier",
    confident=True,
    oracle=True,
)
