"""Labels spread over the graph of all images of the pool; new ones ask their neighbours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.labels.draws import Labelled
from tacit.labels.methods.base import Answered, Family, Method, Problem
from tacit.labels.propagation import laplace, mbo, poisson
from tacit.labels.propagation.propagate import Scores, extend, propagate
from tacit.labels.propagation.relaxation import estimated_shares
from tacit.labels.propagation.spreading import Spreading

MOST_KEPT = 2**25
"""So many scores are kept for another method that begins with the same; 128 MiB."""


def propagated(problem: Problem, trials: Sequence[Labelled], kind: Spreading) -> Scores:
    """Scores of the pool's images in every trial, (T, N, K), by `tacit.labels.propagation`.

    Methods that begin alike share them.
    """

    def make() -> Scores:
        return _propagated(problem, trials, kind)

    if len(trials) * len(problem.seen.pool) * problem.n_classes > MOST_KEPT:
        return make()
    labels = tuple((trial.index.tobytes(), trial.y.tobytes()) for trial in trials)
    shares = None if problem.shares is None else tuple(problem.shares.tolist())
    return problem.once((kind.name, labels, shares, problem.slack), make)


def _propagated(problem: Problem, trials: Sequence[Labelled], kind: Spreading) -> Scores:
    shares = problem.shares
    if shares is None and kind.takes_shares:
        shares = estimated_shares(problem.graph, trials, problem.n_classes, slack=problem.slack)
    return propagate(
        problem.graph,
        trials,
        problem.n_classes,
        method=kind.name,
        shares=shares,
        slack=problem.slack,
    )


@dataclass(frozen=True, kw_only=True)
class Propagating(Method):
    """What begins with labels spread over the graph of the codes.

    Attributes:
        kind: how they are spread.
    """

    family: Family = "propagation"
    transductive: bool = True
    kind: Spreading

    @property
    def takes_shares(self) -> bool:
        return self.kind.takes_shares


@dataclass(frozen=True, kw_only=True)
class Propagation(Propagating):
    """Labels spread over the graph of the codes.

    Propagation answers for the images of its graph alone, and leaves no classifier: the network
    that learns what was propagated is a method of its own (`then_trained`), with numbers of its
    own.
    """

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        scores = propagated(problem, trials, self.kind)
        seen = problem.seen
        new = scores if problem.within else extend(seen.pool, scores, seen.new)
        return (Answered(t, new[t], scores[t]) for t in wanted)


LAPLACE = Propagation(
    name="laplace",
    short="Laplace",
    words="{codes} with Laplace propagation",
    passes=0.3,
    then_trained="laplace-then-train",
    kind=laplace.LAPLACE,
)
POISSON = Propagation(
    name="poisson",
    short="Poisson",
    words="{codes} with Poisson propagation",
    passes=0.3,
    then_trained="poisson-then-train",
    kind=poisson.POISSON,
)
POISSON_MBO = Propagation(
    name="poisson-mbo",
    short="Poisson MBO",
    words="{codes} with Poisson MBO propagation",
    tuned_on=("mnist",),
    passes=1.5,
    then_trained="propagate-then-train",
    kind=mbo.POISSON_MBO,
)
