"""Many small logistic regressions, solved in step with one another."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.training.pages import keep_pages

NEWTON_STEPS, INNER_STEPS, HALVINGS = 40, 60, 12
ENOUGH = 1e-5  # twice what a loss could fall by in a last step; see `_Newton.step`
_LEFT = 0.1  # of a residual, squared, by the scale of the Hessian's diagonal, for a direction
_SMALL = 1e-2  # below it a fall that no longer shrinks is rounding
_LANES = 8  # a product is a quarter faster where its inner side is a multiple of so many numbers


class Solved(NamedTuple):
    """weights, (T, Q, d, C); intercepts, (T, Q, C); log p(y | x) of every row, (T, Q, n).

    `turned` is where to start from with another C: weights of turned codes, (T, C, Q, r).
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
        keep_pages()
        codes = torch.from_numpy(x)
        self.middle = codes.mean(dim=1, keepdim=True)
        self.axes = _axes(codes - self.middle)
        n_sets, n_axes = self.axes.shape[:2]
        self.z = torch.zeros(
            n_sets, x.shape[1], -(-(n_axes + 1) // _LANES) * _LANES, dtype=torch.float32
        )
        self.z[..., :n_axes] = (codes - self.middle) @ self.axes.mT
        self.z[..., -1] = 1
        self.turned, self.squared = self.z.mT.contiguous(), self.z.square()
        self.y, self.n_classes = torch.from_numpy(y), n_classes

    def solve(
        self,
        learned: NDArray[np.bool_],
        Cs: NDArray[np.float64],
        start: Tensor | None = None,
        enough: float = ENOUGH,
    ) -> Solved:
        """The minima of C Σ_i -log softmax(x_i · w + b)[y_i] + ½ ‖w‖², over rows learned from.

        Newton's method, each step by preconditioned conjugate gradients, for all Q problems of all
        sets in step: a product with the codes serves the folds of a set at once. Where C is so
        large that all is fitted without error, float32 leaves a few ten-thousandths of probability
        open. A class that a set does not have gets no probability.

        Args:
            learned: whether a row is learned from, (T, Q, n).
            Cs: C of each set, (T,).
            start: as `Solved.turned`, from problems with another C.
            enough: how little a loss may still fall by, about.
        """
        state = _Newton(self, torch.from_numpy(learned), torch.from_numpy(Cs), start)
        for _ in range(NEWTON_STEPS):
            if not state.step(enough):
                break
        n_axes = self.axes.shape[1]
        weights = torch.einsum("trd,tcqr->tqdc", self.axes, state.w[..., :n_axes])
        intercepts = state.w[..., -1].mT - torch.einsum("td,tqdc->tqc", self.middle[:, 0], weights)
        intercepts = torch.where(state.present[..., 0].mT, intercepts, -torch.inf)
        return Solved(weights.numpy(), intercepts.numpy(), state.log_p.numpy(), state.w)


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
    """Weights w, (T, C, Q, r), of codes z, (T, n, r), the last column of which is one.

    Scores are (T, C, Q, n), numbers of a problem (T, 1, Q, 1). Rows lie side by side in memory:
    sums and softmax over classes then run along them, four to seven times as fast as along ten
    classes, and products are as fast.
    """

    def __init__(self, stack: Stack, learned: Tensor, Cs: Tensor, start: Tensor | None) -> None:
        self.z, self.turned, self.squared = stack.z, stack.turned, stack.squared
        n_sets, n, r = self.z.shape
        n_classes, n_problems = stack.n_classes, learned.shape[1]
        self.shape = (n_sets, n_classes, n_problems, n)
        self.y = stack.y[:, None, None].expand(n_sets, 1, n_problems, n)
        self.own = torch.nn.functional.one_hot(stack.y, n_classes).float().mT[:, :, None]
        self.others = 1 - self.own  # the classes that a row is not of
        self.present = self.own.sum(dim=3, keepdim=True) > 0
        self.C = learned[:, None].float() * Cs.float()[:, None, None, None]
        self.penalty = torch.ones(r, dtype=torch.float32)
        self.penalty[-1] = 0.0  # the intercepts are free
        self.w = (
            torch.zeros(n_sets, n_classes, n_problems, r, dtype=torch.float32)
            if start is None
            else start
        )
        self.logits = self._forward(self.w).masked_fill_(~self.present, -torch.inf)
        self.p, self.log_p, self.loss = self._seen(self.logits, self.w)
        self.going = torch.ones(n_sets, 1, n_problems, 1, dtype=torch.bool)
        self.fall = torch.full(self.going.shape, torch.inf, dtype=torch.float32)

    def _seen(self, logits: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """p, like `logits`; log p of the labels, (T, Q, n); the loss, (T, 1, Q, 1), in float64."""
        p = logits - logits.amax(dim=1, keepdim=True)
        log_p = p.gather(1, self.y)[:, 0]
        total = p.exp_().sum(dim=1, keepdim=True)
        p /= total
        # log p of a label that is all but certain is known by what the others leave of one.
        left = (p * self.others).sum(dim=1)
        log_p = torch.where(left < 0.5, torch.log1p(-left), log_p - total[:, 0].log())
        # What still falls is small beside the sum.
        fit = (self.C[:, 0] * log_p).sum(dim=2, dtype=torch.float64)
        squares = (self.penalty * w.double().square()).sum(dim=(1, 3))
        return p, log_p, (squares / 2 - fit)[:, None, :, None]

    def _forward(self, v: Tensor) -> Tensor:
        return (v.flatten(1, 2) @ self.turned).view(self.shape)

    def _backward(self, a: Tensor, z: Tensor) -> Tensor:
        return (a.flatten(1, 2) @ z).view(self.w.shape)

    def step(self, enough: float) -> bool:
        """One step of every problem; whether any still had a way to go."""
        # p - 1 of the right class as what the others have: a difference would lose its digits.
        others = self.p * self.others
        surplus = others - self.own * others.sum(dim=1, keepdim=True)
        gradient = self._backward(surplus.mul_(self.C), self.z) + self.penalty * self.w
        direction, fall = self._direction(gradient)
        change = self._forward(direction)
        rate = self.going.float()
        for halving in range(HALVINGS + 1):
            w = torch.addcmul(self.w, direction, rate)
            # Minus infinity, of absent classes, stays so: their change is finite.
            logits = torch.addcmul(self.logits, change, rate)
            p, log_p, loss = self._seen(logits, w)
            worse = (loss > self.loss) & (rate > 0)
            if not worse.any():
                break
            # What is worse after so many halvings is at its minimum to rounding.
            rate = torch.where(worse, rate / 2 if halving + 1 < HALVINGS else 0.0, rate)
        self.w, self.logits, self.p, self.log_p, self.loss = w, logits, p, log_p, loss
        # A step that could gain next to nothing was the last: it leaves far less. Nor does it help
        # to go on where steps are small and have ceased to get smaller: that is rounding.
        settled = (fall < _SMALL) & (fall > self.fall / 4)
        self.going &= (fall > enough) & ~settled & (rate > 0)
        self.fall = fall
        return bool(self.going.any())

    def _direction(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Newton's step, nearly, and twice what the loss falls by if it is a quadratic.

        Conjugate gradients, scaled by the Hessian's diagonal, until a third of the residual is
        left: a step more costs less than what it takes to do each of them well. Problems that are
        done are passed over.
        """
        weighted = self.C * self.p
        curved = weighted * (1 - self.p)
        # A class that is all but certain everywhere, or absent, has no curvature left.
        diagonal = (self._backward(curved, self.squared) + self.penalty).clamp(min=1e-6)
        direction = torch.zeros_like(gradient)
        residual = -gradient
        scaled = residual / diagonal
        search = scaled.clone()
        size = _dot(residual, scaled)
        enough = torch.where(self.going, _LEFT * size, torch.inf)
        for _ in range(INNER_STEPS):
            done = size <= enough
            if done.all():
                break
            curved = self._forward(search).mul_(weighted)
            curved.addcmul_(self.p, curved.sum(dim=1, keepdim=True), value=-1)
            product = self._backward(curved, self.z).addcmul_(self.penalty, search)
            curvature = _dot(search, product)
            rate = torch.where(done | (curvature <= 0), 0.0, size / curvature)
            direction.addcmul_(search, rate)
            residual.addcmul_(product, rate, value=-1)
            scaled = residual / diagonal
            before, size = size, torch.where(done, size, _dot(residual, scaled))
            search = torch.addcmul(scaled, search, torch.where(done, 0.0, size / before))
        return direction, -_dot(gradient, direction)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of each problem's weights, (T, 1, Q, 1)."""
    return (a * b).sum(dim=(1, 3), keepdim=True)
