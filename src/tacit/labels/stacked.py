"""Many small logistic regressions, solved in step with one another."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NEWTON_STEPS, INNER_STEPS, HALVINGS = 40, 60, 12
_ENOUGH = 1e-8  # twice what a problem's loss may still fall by


class Problems(NamedTuple):
    """T sets of n labelled codes, each with Q problems: which rows are learned from, how strongly.

    Attributes:
        x: codes, (T, n, d), float32.
        y: labels, (T, n).
        n_classes: C.
        learned: whether a row is learned from, (T, n, Q).
        strengths: of the Q problems, (Q,).
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    n_classes: int
    learned: NDArray[np.bool_]
    strengths: NDArray[np.floating[Any]]


class Solved(NamedTuple):
    """weights, (T, Q, d, C); intercepts, (T, Q, C); log p(y | x) of every row, (T, n, Q)."""

    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]
    log_probabilities: NDArray[np.float32]


def solve(problems: Problems) -> Solved:
    """The minima of c Σ_i -log softmax(x_i · w + b)[y_i] + ½ ‖w‖², sums over rows learned from.

    Newton's method, each step by preconditioned conjugate gradients, for all problems in step: a
    product with the codes serves all strengths and folds of a trial at once. Codes are first turned
    onto the axes of their own spread, at most n of them, where the curvature is next to diagonal,
    so that few inner steps are needed; the minimum does not depend on it, since weights outside the
    span of the codes are zero. A class that a trial does not have gets no probability.
    """
    x = torch.from_numpy(problems.x)
    middle = x.mean(dim=1, keepdim=True)
    _, spread, axes = torch.linalg.svd(x - middle, full_matrices=False)
    z = (x - middle) @ axes.mT
    state = _Newton(problems, torch.cat([z, torch.ones(*z.shape[:2], 1)], dim=2), spread)
    for _ in range(NEWTON_STEPS):
        if not state.step():
            break
    w = state.w.view(len(x), z.shape[2] + 1, len(problems.strengths), -1).permute(0, 2, 1, 3)
    weights = torch.einsum("trd,tqrc->tqdc", axes, w[:, :, :-1])
    intercepts = w[:, :, -1] - torch.einsum("td,tqdc->tqc", middle[:, 0], weights)
    present = state.allowed.isfinite()[:, 0]
    intercepts = torch.where(present, intercepts, -torch.inf)
    return Solved(weights.numpy(), intercepts.numpy(), state.of_labels(state.log_p).numpy())


class _Newton:
    """Weights w, (T, r, Q·C), of codes z, (T, n, r), the last column of which is one."""

    def __init__(self, problems: Problems, z: Tensor, spread: Tensor) -> None:
        self.z = z
        n_sets, n, r = z.shape
        n_classes, n_problems = problems.n_classes, len(problems.strengths)
        self.shape = (n_sets, n, n_problems, n_classes)
        y = torch.from_numpy(problems.y)
        self.y = y[:, :, None, None].expand(n_sets, n, n_problems, 1)
        onehot = torch.nn.functional.one_hot(y, n_classes).float()
        absent = onehot.sum(dim=1) == 0
        self.allowed = torch.zeros(n_sets, 1, 1, n_classes)
        self.allowed[absent[:, None, None]] = -torch.inf
        self.onehot = onehot[:, :, None]
        strengths = torch.from_numpy(problems.strengths.astype(np.float32))
        self.strength = torch.from_numpy(problems.learned).float()[..., None] * strengths[:, None]
        self.penalty = torch.ones(r, 1)
        self.penalty[-1] = 0.0  # the intercepts are free
        self.curved = torch.cat([spread.square(), torch.full((n_sets, 1), float(n))], dim=1) / n
        self.w = torch.zeros(n_sets, r, n_problems * n_classes)
        self.logits = torch.zeros(self.shape) + self.allowed
        self.log_p = self.logits.log_softmax(dim=3)
        self.loss = self._loss(self.log_p, self.w)

    def of_labels(self, log_p: Tensor) -> Tensor:
        return log_p.gather(3, self.y)[..., 0]

    def _loss(self, log_p: Tensor, w: Tensor) -> Tensor:
        """(T, Q), in float64: what still falls is small beside the sum."""
        fit = -(self.strength[..., 0].double() * self.of_labels(log_p)).sum(dim=1)
        squares = (self.penalty * w.double().square()).sum(dim=1)
        return fit + squares.view(self.shape[0], *self.shape[2:]).sum(dim=2) / 2

    def _forward(self, v: Tensor) -> Tensor:
        return (self.z @ v).view(self.shape)

    def _backward(self, a: Tensor) -> Tensor:
        return self.z.mT @ a.reshape(*self.shape[:2], -1)

    def _dot(self, a: Tensor, b: Tensor) -> Tensor:
        """Inner products of each problem's weights, (T, 1, Q, 1)."""
        products = (a * b).sum(dim=1)
        return products.view(self.shape[0], 1, *self.shape[2:]).sum(dim=3, keepdim=True)

    def _times(self, factor: Tensor, v: Tensor) -> Tensor:
        """`v` with each problem's weights multiplied by its `factor`, (T, 1, Q, 1)."""
        return (v.view(*v.shape[:2], *self.shape[2:]) * factor).view_as(v)

    def step(self) -> bool:
        """One step of every problem; whether any still had a way to go."""
        p = self.log_p.exp()
        gradient = self._backward(self.strength * (p - self.onehot)) + self.penalty * self.w
        # At the minimum of a quadratic through here, the loss is lower by half of `fall`.
        direction, fall = self._direction(p, gradient)
        going = fall > _ENOUGH * torch.clamp(self.loss[:, None, :, None].float(), min=1.0)
        if not going.any():
            return False
        change = self._forward(direction)
        rate = torch.where(going, 1.0, 0.0)
        for _ in range(HALVINGS):
            w = self.w + self._times(rate, direction)
            # Minus infinity, of absent classes, stays so: their change is finite.
            logits = self.logits + rate * change
            log_p = logits.log_softmax(dim=3)
            loss = self._loss(log_p, w)
            worse = (loss > self.loss + 1e-9 * self.loss.abs())[:, None, :, None] & (rate > 0)
            if not worse.any():
                break
            rate = torch.where(worse, rate / 2, rate)
        else:
            # What is still worse after so many halvings is at its minimum to rounding.
            return False
        self.w, self.logits, self.log_p, self.loss = w, logits, log_p, loss
        return True

    def _direction(self, p: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Newton's step, nearly: conjugate gradients until a tenth of the residual is left."""
        n_sets, _, n_problems, n_classes = self.shape
        each = (self.strength * p * (1 - p)).sum(dim=1)  # (T, Q, C)
        diagonal = self.curved[:, :, None, None] * each[:, None]
        diagonal = diagonal.view(n_sets, -1, n_problems * n_classes) + self.penalty
        # A class that is all but certain everywhere, or absent, has no curvature left.
        diagonal = diagonal.clamp(min=1e-6)
        direction = torch.zeros_like(gradient)
        residual = -gradient
        scaled = residual / diagonal
        search = scaled.clone()
        size = self._dot(residual, scaled)
        enough = 0.01 * size
        for _ in range(INNER_STEPS):
            done = size <= enough
            if done.all():
                break
            a = self._forward(search)
            pa = p * a
            curved = self.strength * (pa - p * pa.sum(dim=3, keepdim=True))
            product = self._backward(curved) + self.penalty * search
            curvature = self._dot(search, product)
            rate = torch.where(done | (curvature <= 0), 0.0, size / curvature)
            direction += self._times(rate, search)
            residual -= self._times(rate, product)
            scaled = residual / diagonal
            before, size = size, torch.where(done, size, self._dot(residual, scaled))
            search = scaled + self._times(torch.where(done, 0.0, size / before), search)
        return direction, -self._dot(gradient, direction)
