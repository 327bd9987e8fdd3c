"""Labels spread over the graph, then a network that learns what was spread to all images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.labels.draws import Labelled
from tacit.labels.methods.base import Answered, Method, Problem
from tacit.labels.methods.propagation import propagated
from tacit.labels.networks import ON_PROPAGATED, class_probabilities, hard_targets, train_on_targets
from tacit.labels.propagation.propagate import Kind


@dataclass(frozen=True, kw_only=True)
class PropagateThenTrain(Method):
    """Propagation, then a network with augmentation and a loss that forgives wrong labels.

    Attributes:
        kind: of `tacit.labels.propagation.propagate.propagate`.
    """

    kind: Kind

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
    family="propagation",
    confident=True,
    transductive=True,
    takes_shares=True,
    recipe=ON_PROPAGATED,
    preference=1,
    tuned_on=("mnist",),
    passes=1.5,
    kind="poisson-mbo",
)
POISSON_THEN_TRAIN = PropagateThenTrain(
    name="poisson-then-train",
    short="Poisson + network",
    words="{codes} with Poisson propagation and a network trained on its labels",
    family="propagation",
    confident=True,
    transductive=True,
    recipe=ON_PROPAGATED,
    preference=3,
    tuned_on=("mnist",),
    passes=0.3,
    kind="poisson",
)
LAPLACE_THEN_TRAIN = PropagateThenTrain(
    name="laplace-then-train",
    short="Laplace + network",
    words="{codes} with Laplace propagation and a network trained on its labels",
    family="propagation",
    confident=True,
    transductive=True,
    recipe=ON_PROPAGATED,
    preference=9,
    tuned_on=("mnist",),
    passes=0.3,
    kind="laplace",
)
