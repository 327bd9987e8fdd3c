"""Labels spread over the graph, then a network that learns what was spread to all images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.labels.draws import Labelled
from tacit.labels.methods.base import Answered, Problem
from tacit.labels.methods.propagation import Propagating, propagated
from tacit.labels.networks import ON_PROPAGATED, class_probabilities, hard_targets, train_on_targets
from tacit.labels.propagation.laplace import LAPLACE
from tacit.labels.propagation.mbo import POISSON_MBO
from tacit.labels.propagation.poisson import POISSON


@dataclass(frozen=True, kw_only=True)
class PropagateThenTrain(Propagating):
    """Propagation, then a network with augmentation and a loss that forgives wrong labels."""

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        if not wanted:
            return
        assert problem.recipe is not None
        scores = propagated(problem, trials, self.kind)
        for t in wanted:
            model = train_on_targets(
                problem.pool,
                hard_targets(scores[t], trials[t]),
                recipe=problem.recipe,
                seed=problem.seed,
            )
            yield Answered(t, class_probabilities(model, problem.new), model=model)


PROPAGATE_THEN_TRAIN = PropagateThenTrain(
    name="propagate-then-train",
    short="Poisson MBO + network",
    words="{codes} with Poisson MBO propagation and a network trained on its labels",
    confident=True,
    recipe=ON_PROPAGATED,
    preference=1,
    tuned_on=("mnist",),
    passes=1.5,
    kind=POISSON_MBO,
)
POISSON_THEN_TRAIN = PropagateThenTrain(
    name="poisson-then-train",
    short="Poisson + network",
    words="{codes} with Poisson propagation and a network trained on its labels",
    confident=True,
    recipe=ON_PROPAGATED,
    preference=3,
    tuned_on=("mnist",),
    passes=0.3,
    kind=POISSON,
)
LAPLACE_THEN_TRAIN = PropagateThenTrain(
    name="laplace-then-train",
    short="Laplace + network",
    words="{codes} with Laplace propagation and a network trained on its labels",
    confident=True,
    recipe=ON_PROPAGATED,
    preference=9,
    tuned_on=("mnist",),
    passes=0.3,
    kind=LAPLACE,
)
