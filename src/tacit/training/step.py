"""One update: forward, loss, backward, and what the optimizers make of the gradients."""

from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from tacit.models.models import Contrastive
from tacit.training.batches import parts_of
from tacit.training.objectives import Batch, Objective
from tacit.training.objectives.base import needs_whole_batch
from tacit.training.optimizers import RowAdam


class Step:
    """An update, taken operation by operation.

    Args:
        model: what learns.
        objective: the per-image terms; the mean of its ``loss`` over a batch is minimised.
        generator: where the objective's noise comes from.
        optimizer: of the shared weights; None where there are none.
        rows: of parameters that belong to images; None where there are none.
        row_updates: how many updates those get for one of the shared weights.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        generator: torch.Generator,
        optimizer: torch.optim.Optimizer | None,
        rows: RowAdam | None,
        row_updates: int = 1,
    ) -> None:
        self.model, self.objective, self.generator = model, objective, generator
        self.optimizer, self.rows, self.row_updates = optimizer, rows, row_updates

    def __call__(self, batch: Batch, rate: float) -> Tensor:
        """Learn from a batch at a learning rate.

        Returns the batch's mean loss before the update, (), on the model's device: to read it is
        to wait for it.
        """
        if self.optimizer is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["factor"]
        parts = [batch] if needs_whole_batch(self.objective) else parts_of(batch)
        if self.rows is not None:
            for _ in range(self.row_updates - 1):
                for part in parts:  # a row's update is its own, whatever part it comes in
                    loss = self._loss(part)
                    gradients = torch.autograd.grad(loss, self.rows.parameters)
                    self.rows.step(gradients, scale=len(part.x))
        if self.optimizer is not None:
            self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for part in parts:
            loss = self._loss(part) * (len(part.x) / len(batch.x))
            losses.append(loss.detach())
            loss.backward()
        if self.optimizer is not None:
            self.optimizer.step()
        if self.rows is not None:
            self._step_rows(len(batch.x))
        if isinstance(self.model, Contrastive):
            self.model.follow()
        return losses[0] if len(losses) == 1 else reduce(add, (loss.double() for loss in losses))

    def _loss(self, batch: Batch) -> Tensor:
        return self.objective(self.model, batch, self.generator)["loss"].mean()

    def _step_rows(self, batch_size: int) -> None:
        assert self.rows is not None
        gradients = [p.grad for p in self.rows.parameters]
        self.rows.step([g for g in gradients if g is not None], scale=batch_size)
        for parameter in self.rows.parameters:
            parameter.grad = None
