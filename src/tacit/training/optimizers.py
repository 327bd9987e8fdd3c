"""Row-wise Adam, for parameters that belong to images."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class RowAdam:
    """Adam on the rows of a batch alone, each row with its own count of steps.

    For a row i with gradient g, and t its own number of updates so far:

        m_i ← β₁ m_i + (1 - β₁) g,    v_i ← β₂ v_i + (1 - β₂) g²
        θ_i ← θ_i - rate · m_i / (1 - β₁ᵗ) / (√(v_i / (1 - β₂ᵗ)) + ε)

    Dense Adam would move every row at every step by its momentum; `torch.optim.SparseAdam` leaves
    the other rows alone but corrects the bias by the number of steps of the whole table, which is
    wrong for rows that are seen once an epoch.

    Args:
        parameters: tables, each (N, ...), whose gradients are sparse or come as rows.
        rate, betas, eps: as in Adam (Kingma and Ba 2015).
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        *,
        rate: float,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
    ) -> None:
        self.parameters = list(parameters)
        self.rate = rate
        self.betas = betas
        self.eps = eps
        self.first = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.second = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.steps = [
            torch.zeros(len(p), dtype=torch.int64, device=p.device) for p in self.parameters
        ]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], scale: float = 1.0) -> None:
        """One update of the rows that occur in `gradients`.

        gradients: one sparse (N, ...) tensor for each parameter. scale: multiplies them; the
        batch size, where the loss was a mean over the batch and a row's gradient shall not
        depend on its company.
        """
        beta1, beta2 = self.betas
        for k, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            gradient = gradient.coalesce()
            rows = gradient.indices()[0]
            g = gradient.values() * scale
            steps = self.steps[k].index_select(0, rows).add_(1)
            t = steps.to(g.dtype).view(-1, *[1] * (g.dim() - 1))
            m = self.first[k].index_select(0, rows).mul_(beta1).add_(g, alpha=1 - beta1)
            v = self.second[k].index_select(0, rows).mul_(beta2).addcmul_(g, g, value=1 - beta2)
            moved = m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt_() + self.eps)
            now = parameter.index_select(0, rows).sub_(self.rate * moved)
            for table, values in (
                (self.steps[k], steps),
                (self.first[k], m),
                (self.second[k], v),
                (parameter, now),
            ):
                table.index_copy_(0, rows, values)

    def state_dict(self) -> dict[str, Tensor]:
        """The state as plain tensors, by name."""
        state = {}
        for k in range(len(self.parameters)):
            state[f"{k}.first"] = self.first[k]
            state[f"{k}.second"] = self.second[k]
            state[f"{k}.steps"] = self.steps[k]
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a state that `state_dict` gave."""
        for name, value in self.state_dict().items():
            value.copy_(state[name])
