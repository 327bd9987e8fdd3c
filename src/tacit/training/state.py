"""What changes while a model learns, and who keeps it."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from tacit.models.posteriors import PerImage
from tacit.training.history import History
from tacit.training.optimizers import RowAdam
from tacit.training.ranks import ALONE, Ranks


class State:
    """Everything that changes while a model learns, as named tensors.

    It does not say how many ranks there are: what belongs to images has the rows of all of them.
    Every rank asks for it, and the first has it whole.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | None,
        rows: RowAdam | None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.rows = rows
        self.ranks = ranks
        self._tables = {
            f"{name}.{table}": part.n_images
            for name, part in model.named_modules()
            if isinstance(part, PerImage)
            for table, _ in part.named_parameters()
        }

    def of_model(self) -> dict[str, Tensor]:
        """The model's own, as `state_dict` names them."""
        return {
            name: self.ranks.table(value, self._tables[name]) if name in self._tables else value
            for name, value in self.model.state_dict().items()
        }

    def tensors(self) -> dict[str, Tensor]:
        """Copies are not made: write them before the next update."""
        tensors = {f"model.{name}": value for name, value in self.of_model().items()}
        if self.optimizer is not None:
            for key, state in self.optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{key}.{name}": value for name, value in state.items()}
        if self.rows is not None:
            n = next(iter(self._tables.values()))
            tensors |= {
                f"rows.{name}": self.ranks.table(value, n)
                for name, value in self.rows.state_dict().items()
            }
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave to the first of any number of ranks; others say nothing."""
        tensors = self.ranks.told_tensors(
            tensors,
            lambda name: name.startswith("rows.") or name.removeprefix("model.") in self._tables,
        )
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "rows": {}}
        for name, value in tensors.items():
            group, rest = name.split(".", 1)
            groups[group][rest] = value
        self.model.load_state_dict(groups["model"])
        if self.optimizer is not None:
            whole = self.optimizer.state_dict()
            whole["state"] = {}
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            for name, value in groups["optimizer"].items():
                key, entry = name.split(".", 1)
                like = parameters[int(key)]
                if value.shape == like.shape:
                    # Fused Adam goes through memory in its order, which a file does not keep.
                    value = torch.empty_like(like).copy_(value)
                whole["state"].setdefault(int(key), {})[entry] = value
            self.optimizer.load_state_dict(whole)
        if self.rows is not None:
            self.rows.load_state_dict(groups["rows"])


class Checkpointer(Protocol):
    """Where a run is kept while it learns (`tacit.training.checkpoint` writes it to disk)."""

    def resume(self, state: State) -> tuple[int, History]:
        """Restore the last checkpoint into `state`: updates done and history; 0 where none."""
        ...

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        """Progress, checkpoints, requests to stop; `history` reaches up to `update`.

        Called after every update on a CPU. On a GPU it is called where losses have been read
        (`tacit.training.losses`), with the last of them.
        """
        ...

    def snapshot(self, update: int, state: State) -> None:
        """Keep the whole model (`State.of_model`), per-image latents included."""
        ...
