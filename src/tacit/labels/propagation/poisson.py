"""Poisson learning: labels are sources and sinks, as charges are."""

from torch import Tensor

from tacit.labels.propagation.laplacian import System, conjugate_gradients
from tacit.labels.propagation.spreading import Spreading, Trials


def solve(system: System, trials: Trials) -> Tensor:
    """L u = Σ_j δ_j (y_j - ȳ) over the labelled images j, Σ_i D_ii u_i = 0.

    Source: Calder, Cook, Thorpe and Slepčev 2020.
    """
    source = trials.put(trials.zeros(), trials.sources)

    def multiply(p: Tensor) -> Tensor:
        # Columns of L add up to nothing. What rounding leaves of that is a constant that no
        # direction removes, and that grows where clusters hang together by few edges.
        product = system.laplacian @ p
        return product.sub_(product.mean(dim=0))

    u = conjugate_gradients(multiply, source, system.precondition)
    return u - (system.degrees * u).sum(dim=0) / system.degrees.sum()


POISSON = Spreading("poisson", solve)
