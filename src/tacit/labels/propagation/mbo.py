"""Poisson MBO: Poisson's labels, moved along the edges while each class keeps its share."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.labels.propagation import poisson
from tacit.labels.propagation.laplacian import STEPS, System
from tacit.labels.propagation.spreading import Spreading, Trials
from tacit.labels.propagation.volumes import priced, whole_sizes

ROUNDS = 20  # Calder 2020; each has `STEPS` of heat


def solve(system: System, trials: Trials) -> Tensor:
    """From Poisson's labels on, 20 times: 40 steps of heat,

        u ← u - dt (L u - Σ_j δ_j (y_j - ȳ)),   dt = 1 / max D,

    then each image to one class, so that class c gets its share of the images. The scores are those
    before the last choice, with the price of each class added that makes the shares come true.

    Source: Calder, Cook, Thorpe and Slepčev 2020.
    """
    n, n_trials, n_classes = trials.shape
    bounds = [
        _bounds(np.where(present, own, 0.0), trials.slack, n)
        for present, own in zip(trials.present, trials.shares, strict=True)
    ]
    prices = [torch.zeros(n_classes, dtype=torch.float32)] * n_trials
    u = poisson.solve(system, trials).view(trials.shape)
    labels = u.argmax(dim=2)
    source = trials.put(trials.zeros(), system.step * trials.sources)
    fed = trials.zeros()  # what the labels add in 40 steps, the same in every round
    for _ in range(STEPS):
        fed = torch.addmm(source, system.heat, fed)
    fed = fed.view(trials.shape)
    going = torch.arange(n_trials)  # trials whose labels still change; the rest stay as they are
    for _ in range(ROUNDS):
        onehot = torch.nn.functional.one_hot(labels[:, going], n_classes).float()
        heated = system.heated(onehot.reshape(n, -1)).view(onehot.shape) + fed[:, going]
        for column, trial in enumerate(going.tolist()):
            least, most = bounds[trial]
            prices[trial] = priced(heated[:, column], least, most, prices[trial])
            u[:, trial] = heated[:, column] + prices[trial]
        found = u[:, going].argmax(dim=2)
        changed = (found != labels[:, going]).any(dim=0)
        labels[:, going] = found
        going = going[changed]
        if not len(going):
            break
    # A class that is out of the question has a price of minus infinity, which cannot be averaged.
    lowest = u[u.isfinite()].min() - 1
    return u.reshape(n, -1).clamp(min=lowest)


def _bounds(
    shares: NDArray[np.float64], slack: float, n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Least and most images of each class: its share of n, less and more by `slack` of it."""
    sizes = whole_sizes(shares, n)
    return np.floor((1 - slack) * sizes).astype(int), np.ceil((1 + slack) * sizes).astype(int)


POISSON_MBO = Spreading("poisson-mbo", solve, takes_shares=True)
