"""Early stopping by rows that are held out, as scikit-learn's estimators have it."""

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from tacit.models.parts import training_mode
from tacit.training.evaluation import evaluate
from tacit.training.examples import Examples
from tacit.training.history import Evaluation, History, Summary, summarise
from tacit.training.objectives import Objective
from tacit.training.schedule import Schedule
from tacit.training.state import Checkpointer, State

Rows = NDArray[np.int64]


class Enough(Exception):
    """Raised out of the loop where training has gone on for long enough."""


class EarlyStopping:
    """A `tacit.training.state.Checkpointer` that keeps the best weights, and ends training.

    Where the schedule takes a snapshot, the loss of the rows held out is looked at, on the same
    noise each time. After `patience` looks without a lower one, `Enough` is raised.

    Args:
        objective: of one row, without weights. held: the rows held out.
        weights: of their losses, (n,); None where all are 1.
        then: told what a checkpointer is told, before training may end.

    Attributes:
        losses: by look. best_update: of the lowest of them. last_update: the last there was.
    """

    def __init__(
        self,
        objective: Objective,
        held: Examples,
        weights: NDArray[np.float64] | None,
        schedule: Schedule,
        *,
        patience: int,
        then: Checkpointer | None = None,
    ) -> None:
        self.objective, self.held, self.weights = objective, held, weights
        self.schedule, self.patience, self.then = schedule, patience, then
        self.losses: list[float] = []
        self.best_update = self.last_update = 0
        self.history = History()
        self._best: dict[str, Tensor] = {}
        self._seen: dict[str, Summary] = {}
        self._waited = 0

    def resume(self, state: State) -> tuple[int, History]:
        return 0, History()

    def snapshot(self, update: int, state: State) -> None:
        model = state.model
        terms = evaluate(model, self.objective, self.held)
        training_mode(model)
        loss = float(np.average(terms["loss"].double().cpu().numpy(), weights=self.weights))
        self._waited += 1
        if not self.losses or loss < min(self.losses):
            self._waited, self.best_update = 0, update
            self._best = {name: value.clone() for name, value in model.state_dict().items()}
            self._seen = summarise(terms)
        self.losses.append(loss)

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        self.history, self.last_update = history, update
        if self.then is not None:
            self.then.after_update(update, loss, state, history)
        if self._waited >= self.patience:
            raise Enough

    def restore(self, model: nn.Module) -> History:
        """Give the model its best weights; what was seen, evaluated at that update."""
        model.load_state_dict(self._best)
        update = self.best_update
        seen = Evaluation(update, self.schedule.epoch_of(update), {}, self._seen)
        self.history.evaluations[:] = [seen]
        return self.history


def held_out(
    n: int, fraction: Any, labels: NDArray[np.int64] | None, names: Any, seed: int
) -> tuple[Rows, Rows]:
    """The rows to learn from and those held out, stratified by class where there are labels.

    names: of the classes, for messages.

    Raises:
        ValueError: the share is none, or leaves a class without rows on one side.
    """
    if not (isinstance(fraction, Real) and 0 < float(fraction) < 1):
        raise ValueError(f"validation_fraction is {fraction!r}; it is a number between 0 and 1")
    n_held = math.ceil(float(fraction) * n)
    if labels is not None:
        counts = np.bincount(labels)
        if counts.min() < 2:
            alone = names[int(counts.argmin())]
            raise ValueError(
                f"early_stopping holds rows of every class out, but class {alone!r} has one row"
            )
        if min(n_held, n - n_held) < len(counts):
            raise ValueError(
                f"validation_fraction is {fraction}, which splits {n} rows into {n - n_held} and "
                f"{n_held}; both need a row of each of {len(counts)} classes"
            )
    elif not 0 < n_held < n:
        raise ValueError(f"validation_fraction is {fraction}, which leaves none of {n} rows")
    learned, held = train_test_split(
        np.arange(n), test_size=n_held, random_state=seed % 2**32, stratify=labels
    )
    return np.sort(learned), np.sort(held)
