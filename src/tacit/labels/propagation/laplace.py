"""Laplace learning: scores are harmonic between the labelled images."""

from torch import Tensor

from tacit.labels.propagation.laplacian import System, conjugate_gradients
from tacit.labels.propagation.spreading import Spreading, Trials


def solve(system: System, trials: Trials) -> Tensor:
    """L u = 0 at images without a label, u the label's unit vector where there is one.

    Source: Zhu, Ghahramani and Lafferty 2003.
    """
    known = trials.put(trials.zeros(), trials.onehot)

    def multiply(p: Tensor) -> Tensor:
        return trials.put(system.laplacian @ p, 0.0)

    def precondition(residual: Tensor) -> Tensor:
        return trials.put(system.precondition(residual), 0.0)

    return known + conjugate_gradients(multiply, -multiply(known), precondition)


LAPLACE = Spreading("laplace", solve)
