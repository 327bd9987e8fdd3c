"""Labels spread over the graph, then a linear head on the codes that learns what was spread."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tacit.labels.draws import Labelled
from tacit.labels.heads.ridge import spread_heads
from tacit.labels.methods.base import Answered, Problem
from tacit.labels.methods.propagation import Propagating, propagated
from tacit.labels.networks import hard_targets
from tacit.labels.propagation.mbo import POISSON_MBO
from tacit.labels.propagation.poisson import POISSON


@dataclass(frozen=True, kw_only=True)
class PropagateThenHead(Propagating):
    """Propagation, then ridge regression on the codes: it answers for new images by itself.

    Where codes are good a head is all that is wanted, and it sees what the encoder sees, which a
    network on small images does not.
    """

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        if not wanted:
            return iter(())
        scores = propagated(problem, trials, self.kind)
        classes = [hard_targets(scores[t], trials[t]).argmax(axis=1) for t in wanted]
        seen = problem.seen
        new = seen.pool if problem.within else seen.new
        heads = spread_heads(seen.pool, np.stack(classes), problem.n_classes)
        found = heads.probabilities(new)

        def answered(place: int) -> Answered:
            encoder = seen.encoder
            model = None if encoder is None else heads.classifier(place, encoder)
            return Answered(wanted[place], found[place], model=model)

        return map(answered, range(len(wanted)))


PROPAGATE_THEN_HEAD = PropagateThenHead(
    name="propagate-then-head",
    short="Poisson MBO + head",
    words="{codes} with Poisson MBO propagation and a linear head trained on its labels",
    confident=True,
    preference=2,
    tuned_on=("textures", "steel"),
    passes=1.5,
    kind=POISSON_MBO,
)
POISSON_THEN_HEAD = PropagateThenHead(
    name="poisson-then-head",
    short="Poisson + head",
    words="{codes} with Poisson propagation and a linear head trained on its labels",
    confident=True,
    preference=4,
    tuned_on=("textures", "steel"),
    passes=0.3,
    kind=POISSON,
)
