"""One update: forward, loss, backward, and what the optimizers make of the gradients."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from tacit.models.models import Contrastive
from tacit.models.noise import Noise
from tacit.training.batches import parts_of
from tacit.training.objectives import Batch, Objective
from tacit.training.objectives.base import needs_whole_batch
from tacit.training.optimizers import RowAdam
from tacit.training.ranks import ALONE, Ranks


class Step:
    """An update, taken operation by operation.

    Args:
        model: what learns.
        objective: the per-image terms; the mean of its ``loss`` over a batch is minimised.
        generator: where the objective's noise comes from.
        optimizer: of the shared weights; None where there are none.
        rows: of parameters that belong to images; None where there are none.
        row_updates: how many updates those get for one of the shared weights.
        ranks: who learns together; each is called with its share of the same batch.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        generator: Noise,
        optimizer: torch.optim.Optimizer | None,
        rows: RowAdam | None,
        row_updates: int = 1,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model, self.objective, self.generator = model, objective, generator
        self.optimizer, self.rows, self.row_updates = optimizer, rows, row_updates
        self.ranks = ranks

    def __call__(self, batch: Batch, rate: float) -> Tensor:
        """Learn from a batch at a learning rate.

        Returns the batch's mean loss before the update, (), on the model's device: to read it is
        to wait for it.
        """
        if self.optimizer is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["factor"]
        if self.rows is not None:
            with self._shared_weights_held():
                for _ in range(self.row_updates - 1):
                    for part, loss in self._losses(batch):  # a row's update is its own in any part
                        gradients = torch.autograd.grad(loss, self.rows.parameters)
                        if part.counted:
                            self.rows.step(gradients, scale=len(part.x))
        if self.optimizer is not None:
            self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for part, loss in self._losses(batch):
            loss = loss * (len(part.x) / batch.whole if part.counted else 0.0)
            losses.append(loss.detach())
            loss.backward()
        total = losses[0] if len(losses) == 1 else reduce(add, (loss.double() for loss in losses))
        if self.ranks.size > 1:  # of one dtype, whether or not a rank's share came in parts
            total = total.double()
            self.ranks.add_up([*self._gradients(), total])
        if self.optimizer is not None:
            self.optimizer.step()
        if self.rows is not None:
            self._step_rows(batch)
        if isinstance(self.model, Contrastive):
            self.model.follow()
        return total

    def _losses(self, batch: Batch) -> Iterator[tuple[Batch, Tensor]]:
        """The parts of a batch with their mean losses, one after the other."""
        parts = [batch] if needs_whole_batch(self.objective) else parts_of(batch)
        before = self.generator.get_state() if len(parts) > 1 else None
        for number, part in enumerate(parts):
            if before is not None and number > 0:
                self.generator.set_state(before)  # each part finds its own in the whole's noise
            self.generator.share = part.share
            yield part, self.objective(self.model, part, self.generator)["loss"].mean()

    @contextmanager
    def _shared_weights_held(self) -> Iterator[None]:
        """The shared weights have no gradients here.

        `torch.autograd.grad` of rows alone has layers of tacit's own work out those of their
        weights too, which was a tenth of an update of rows.
        """
        for weight in self._weights():
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for weight in self._weights():
                weight.requires_grad_(True)

    def _weights(self) -> list[nn.Parameter]:
        """Those that are shared by all images, and learn."""
        groups = [] if self.optimizer is None else self.optimizer.param_groups
        return [p for group in groups for p in group["params"]]

    def _gradients(self) -> list[Tensor]:
        """Of the shared weights."""
        return [p.grad for p in self._weights() if p.grad is not None]

    def _step_rows(self, batch: Batch) -> None:
        assert self.rows is not None
        gradients = [p.grad for p in self.rows.parameters]
        if batch.counted:
            self.rows.step([g for g in gradients if g is not None], scale=batch.whole)
        for parameter in self.rows.parameters:
            parameter.grad = None
