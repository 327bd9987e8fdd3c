"""Labels spread over the graph of all images of the pool; new ones ask their neighbours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.labels.draws import Labelled
from tacit.labels.methods.base import Answered, Method, Problem
from tacit.labels.propagation.propagate import Kind, Scores, extend, propagate
from tacit.labels.propagation.relaxation import estimated_shares

MOST_KEPT = 2**25
"""So many scores are kept for another method that begins with the same; 128 MiB."""


def propagated(problem: Problem, trials: Sequence[Labelled], kind: Kind) -> Scores:
    """Scores of the pool's images in every trial, (T, N, K), by `tacit.labels.propagation`.

    Methods that begin alike share them.
    """

    def make() -> Scores:
        return _propagated(problem, trials, kind)

    if len(trials) * len(problem.seen.pool) * problem.n_classes > MOST_KEPT:
        return make()
    labels = tuple((trial.index.tobytes(), trial.y.tobytes()) for trial in trials)
    shares = None if problem.shares is None else tuple(problem.shares.tolist())
    return problem.once((kind, labels, shares, problem.slack), make)


def _propagated(problem: Problem, trials: Sequence[Labelled], kind: Kind) -> Scores:
    shares = problem.shares
    if shares is None and kind == "poisson-mbo":
        shares = estimated_shares(problem.graph, trials, problem.n_classes, slack=problem.slack)
    return propagate(
        problem.graph,
        trials,
        problem.n_classes,
        method=kind,
        shares=shares,
        slack=problem.slack,
    )


@dataclass(frozen=True, kw_only=True)
class Propagation(Method):
    """Labels spread over the graph of the codes.

    Propagation answers for the images of its graph alone, and leaves no classifier: the network
    that learns what was propagated is a method of its own (`then_trained`), with numbers of its
    own.

    Attributes:
        kind: of `tacit.labels.propagation.propagate.propagate`.
    """

    kind: Kind

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
    family="propagation",
    transductive=True,
    passes=0.3,
    then_trained="laplace-then-train",
    kind="laplace",
)
POISSON = Propagation(
    name="poisson",
    short="Poisson",
    words="{codes} with Poisson propagation",
    family="propagation",
    transductive=True,
    passes=0.3,
    then_trained="poisson-then-train",
    kind="poisson",
)
POISSON_MBO = Propagation(
    name="poisson-mbo",
    short="Poisson MBO",
    words="{codes} with Poisson MBO propagation",
    family="propagation",
    transductive=True,
    takes_shares=True,
    tuned_on=("mnist",),
    passes=1.5,
    then_trained="propagate-then-train",
    kind="poisson-mbo",
)
