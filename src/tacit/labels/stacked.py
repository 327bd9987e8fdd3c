"""Many small logistic regressions, solved in step with one another."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NEWTON_STEPS, INNER_STEPS, HALVINGS = 40, 60, 12
ENOUGH, ROUGHLY = 1e-5, 1e-1  # twice what a loss could fall by in a last step; see `_Newton.step`
_SMALL = 1e-2  # below it a fall that no longer shrinks is rounding


class Solved(NamedTuple):
    """weights, (T, Q, d, C); intercepts, (T, Q, C); log p(y | x) of every row, (T, n, Q).

    `turned` is where to start from with another strength: the weights of turned codes.
    """

    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]
    log_probabilities: NDArray[np.float32]
    turned: Tensor


class Stack:
    """T sets of n labelled codes, to be learned from together.

    Codes are turned onto the axes of their own spread, at most n of them: there the curvature is
    next to diagonal, and weights outside the span of the codes are zero at the minimum anyway.

    Args:
        x: codes, (T, n, d), float32.
        y: labels, (T, n).
        n_classes: C.
    """

    def __init__(self, x: NDArray[np.float32], y: NDArray[np.int64], n_classes: int) -> None:
        codes = torch.from_numpy(x)
        self.middle = codes.mean(dim=1, keepdim=True)
        self.axes = _axes(codes - self.middle)
        turned = (codes - self.middle) @ self.axes.mT
        self.z = torch.cat([turned, torch.ones(*turned.shape[:2], 1)], dim=2)
        self.y, self.n_classes = torch.from_numpy(y), n_classes

    def solve(
        self,
        learned: NDArray[np.bool_],
        strengths: NDArray[np.float64],
        start: Tensor | None = None,
        enough: float = ENOUGH,
    ) -> Solved:
        """The minima of c Σ_i -log softmax(x_i · w + b)[y_i] + ½ ‖w‖², over rows learned from.

        Newton's method, each step by preconditioned conjugate gradients, for all Q problems of all
        sets in step: a product with the codes serves the folds of a set at once. Where c is so
        large that all is fitted without error, float32 leaves a few ten-thousandths of probability
        open. A class that a set does not have gets no probability.

        Args:
            learned: whether a row is learned from, (T, n, Q).
            strengths: c of each set, (T,).
            start: `Solved.turned` of the same problems with another c.
            enough: how little a loss may still fall by, about.
        """
        state = _Newton(self, torch.from_numpy(learned), torch.from_numpy(strengths), start)
        for _ in range(NEWTON_STEPS):
            if not state.step(enough):
                break
        w = state.w.view(len(self.z), -1, *state.shape[2:])  # (T, r, C, Q)
        weights = torch.einsum("trd,trcq->tqdc", self.axes, w[:, :-1])
        intercepts = w[:, -1].mT - torch.einsum("td,tqdc->tqc", self.middle[:, 0], weights)
        intercepts = torch.where(state.present[:, None], intercepts, -torch.inf)
        log_p = state.of_labels(state.log_p)
        return Solved(weights.numpy(), intercepts.numpy(), log_p.numpy(), state.w)


def _axes(x: Tensor) -> Tensor:
    """Orthonormal axes of centred codes by their spread, (T, r, d), without those of none."""
    n, d = x.shape[1:]
    if d <= n:
        squares, columns = torch.linalg.eigh(x.mT @ x)
        spread, axes = squares.clamp(min=0).sqrt().flip(1), columns.mT.flip(1)
        none = 3e-4  # of the largest: what rounding leaves of zero in a sum of squares
    else:
        _, spread, axes = torch.linalg.svd(x, full_matrices=False)
        none = 1e-6
    kept = int((spread > none * spread[:, :1]).sum(dim=1).max())
    return axes[:, : max(kept, 1)].contiguous()


class _Newton:
    """Weights w, (T, r, C·Q), of codes z, (T, n, r), the last column of which is one.

    Scores are (T, n, C, Q), numbers of a problem (T, 1, 1, Q): sums over classes then run along
    the problems, many times as fast as along ten neighbours in memory.
    """

    def __init__(
        self, stack: Stack, learned: Tensor, strengths: Tensor, start: Tensor | None
    ) -> None:
        self.z, self.squared = stack.z, stack.z.square()
        n_sets, n, r = self.z.shape
        n_classes, n_problems = stack.n_classes, learned.shape[2]
        self.shape = (n_sets, n, n_classes, n_problems)
        self.y = stack.y[:, :, None, None].expand(n_sets, n, 1, n_problems)
        self.onehot = torch.nn.functional.one_hot(stack.y, n_classes).float()[..., None]
        self.present = self.onehot[..., 0].sum(dim=1) > 0
        self.strength = learned[:, :, None].float() * strengths.float()[:, None, None, None]
        self.penalty = torch.ones(r, 1)
        self.penalty[-1] = 0.0  # the intercepts are free
        self.w = torch.zeros(n_sets, r, n_classes * n_problems) if start is None else start
        self.logits = self._forward(self.w)
        self.logits.masked_fill_(~self.present[:, None, :, None], -torch.inf)
        self.log_p = self.logits.log_softmax(dim=2)
        self.loss = self._loss(self.log_p, self.w)
        self.going = torch.ones(n_sets, 1, 1, n_problems, dtype=torch.bool)
        self.fall = torch.full(self.going.shape, torch.inf)

    def of_labels(self, log_p: Tensor) -> Tensor:
        return log_p.gather(2, self.y)[:, :, 0]

    def _loss(self, log_p: Tensor, w: Tensor) -> Tensor:
        """(T, 1, 1, Q), in float64: what still falls is small beside the sum."""
        # log p of a label that is all but certain is known by what the others leave of one.
        left = self._others(log_p.exp()).sum(dim=2)
        right = torch.where(left < 0.5, torch.log1p(-left), self.of_labels(log_p))
        fit = (self.strength[:, :, 0] * right).sum(dim=1, dtype=torch.float64)
        squares = (self.penalty * w.double().square()).sum(dim=1)
        squares = squares.view(self.shape[0], *self.shape[2:]).sum(dim=1)
        return (squares / 2 - fit)[:, None, None]

    def _others(self, p: Tensor) -> Tensor:
        """`p` of the classes that a row is not of, zero at its own."""
        return p * (1 - self.onehot)

    def _forward(self, v: Tensor) -> Tensor:
        return (self.z @ v).view(self.shape)

    def _backward(self, a: Tensor) -> Tensor:
        return self.z.mT @ a.view(*self.shape[:2], -1)

    def _dot(self, a: Tensor, b: Tensor) -> Tensor:
        """Inner products of each problem's weights, (T, 1, 1, Q)."""
        products = (a * b).sum(dim=1).view(self.shape[0], 1, *self.shape[2:])
        return products.sum(dim=2, keepdim=True)

    def _times(self, factor: Tensor, v: Tensor) -> Tensor:
        """`v` with each problem's weights multiplied by its `factor`, (T, 1, 1, Q)."""
        return (v.view(*v.shape[:2], *self.shape[2:]) * factor).view_as(v)

    def step(self, enough: float) -> bool:
        """One step of every problem; whether any still had a way to go."""
        p = self.log_p.exp()
        # p - 1 of the right class as what the others have: a difference would lose its digits.
        others = self._others(p)
        surplus = others - self.onehot * others.sum(dim=2, keepdim=True)
        gradient = self._backward(self.strength * surplus) + self.penalty * self.w
        direction, fall = self._direction(p, gradient)
        change = self._forward(direction)
        rate = self.going.float()
        for halving in range(HALVINGS + 1):
            w = self.w + self._times(rate, direction)
            # Minus infinity, of absent classes, stays so: their change is finite.
            logits = torch.addcmul(self.logits, change, rate)
            log_p = logits.log_softmax(dim=2)
            loss = self._loss(log_p, w)
            worse = (loss > self.loss) & (rate > 0)
            if not worse.any():
                break
            # What is worse after so many halvings is at its minimum to rounding.
            rate = torch.where(worse, rate / 2 if halving + 1 < HALVINGS else 0.0, rate)
        self.w, self.logits, self.log_p, self.loss = w, logits, log_p, loss
        # A step that could gain next to nothing was the last: it leaves far less. Nor does it help
        # to go on where steps are small and have ceased to get smaller: that is rounding.
        settled = (fall < _SMALL) & (fall > self.fall / 4)
        self.going &= (fall > enough) & ~settled & (rate > 0)
        self.fall = fall
        return bool(self.going.any())

    def _direction(self, p: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Newton's step, nearly, and twice what the loss falls by if it is a quadratic.

        Conjugate gradients, scaled by the Hessian's diagonal, until a tenth of the residual is
        left; problems that are done are passed over.
        """
        weighted = self.strength * p
        curved = (weighted * (1 - p)).view(*self.shape[:2], -1)
        # A class that is all but certain everywhere, or absent, has no curvature left.
        diagonal = (self.squared.mT @ curved + self.penalty).clamp(min=1e-6)
        direction = torch.zeros_like(gradient)
        residual = -gradient
        scaled = residual / diagonal
        search = scaled.clone()
        size = self._dot(residual, scaled)
        enough = torch.where(self.going, 0.01 * size, torch.inf)
        for _ in range(INNER_STEPS):
            done = size <= enough
            if done.all():
                break
            change = self._forward(search)
            mean = (p * change).sum(dim=2, keepdim=True)
            product = self._backward(change.sub_(mean).mul_(weighted)) + self.penalty * search
            curvature = self._dot(search, product)
            rate = torch.where(done | (curvature <= 0), 0.0, size / curvature)
            direction += self._times(rate, search)
            residual -= self._times(rate, product)
            scaled = residual / diagonal
            before, size = size, torch.where(done, size, self._dot(residual, scaled))
            search = scaled + self._times(torch.where(done, 0.0, size / before), search)
        return direction, -self._dot(gradient, direction)
