"""The class of the nearest labelled code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.labels.draws import Labelled
from tacit.labels.heads import linear as heads
from tacit.labels.methods.base import Answered, Method, Problem


@dataclass(frozen=True, kw_only=True)
class Nearest(Method):
    """The class of the nearest labelled code; it gives no confidence and leaves no classifier."""

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        seen = problem.seen
        found = heads.nearest(seen.pool, trials, problem.n_classes, seen.new)
        return (Answered(t, found[t]) for t in wanted)


NEAREST = Nearest(
    name="nearest",
    short="nearest neighbour",
    words="{codes} with the nearest neighbour",
    family="codes",
)
