"""The only loop.

Time is counted in updates. Every random choice of update u comes from streams named by u or by its
epoch, so that a run that is interrupted and continued is the run that was never interrupted.
"""

import math
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tacit.models.models import Autoencoder, Classifier
from tacit.models.parts import training_mode
from tacit.models.posteriors import PerImage
from tacit.models.precision import dtype_of, products_in
from tacit.streams import numpy_stream, stream_seed
from tacit.training.examples import Examples
from tacit.training.history import Evaluation, History, summarise
from tacit.training.objectives import Batch, Objective, Terms
from tacit.training.optimizers import RowAdam
from tacit.training.pages import keep_pages
from tacit.training.resident import resident, scaled
from tacit.training.schedule import Schedule

EVALUATED_IMAGES = 1_000
"""At most so many images of each split are evaluated for the curves."""

PIXELS_AT_ONCE = 2**23
"""At most so many pixels go through a network at once: first layers need 16 times as many numbers,
and with gradients that three times over. A larger batch is taken in parts."""


MOST_CODES = 2**26
"""At most so many numbers are kept of a frozen encoder's codes: 256 MiB."""


class Diverged(ArithmeticError):
    """A loss, a weight or an evaluated term that is not finite."""


class State:
    """Everything that changes while a model learns, as named tensors."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer | None, rows: RowAdam | None
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.rows = rows

    def tensors(self) -> dict[str, Tensor]:
        """Copies are not made: write them before the next update."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        if self.optimizer is not None:
            for key, state in self.optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{key}.{name}": value for name, value in state.items()}
        if self.rows is not None:
            tensors |= {f"rows.{name}": value for name, value in self.rows.state_dict().items()}
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `tensors` gave."""
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "rows": {}}
        for name, value in tensors.items():
            group, rest = name.split(".", 1)
            groups[group][rest] = value
        self.model.load_state_dict(groups["model"])
        if self.optimizer is not None:
            whole = self.optimizer.state_dict()
            whole["state"] = {}
            parameters = self.optimizer.param_groups[0]["params"]
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


class Keeper(Protocol):
    """Where a run is kept while it learns (`tacit.training.checkpoint` writes it to disk)."""

    def resume(self, state: State) -> tuple[int, History]:
        """Restore the last checkpoint into `state`: updates done and history; 0 where none."""
        ...

    def after_update(self, update: int, loss: float, state: State, history: History) -> None:
        """Called after every update: progress, checkpoints, requests to stop."""
        ...

    def snapshot(self, update: int, model: nn.Module) -> None:
        """Keep the whole model, per-image latents included."""
        ...


def fit(
    model: nn.Module,
    objective: Objective,
    train: Examples,
    schedule: Schedule,
    *,
    seed: int,
    test: Examples | None = None,
    keeper: Keeper | None = None,
) -> History:
    """Train `model` in place by `schedule` and return what was seen.

    Args:
        model: parts that are frozen stay as they are, running statistics too.
        objective: the per-image terms; the mean of its ``loss`` over a batch is minimised in the
            shared weights, and each image's own loss in parameters that belong to that image.
        train, test: images, or other examples; `test` is only looked at, by the curves.
        schedule: see `Schedule`.
        seed: of order and noise. (That of the weights was used when the model was built.)
        keeper: where checkpoints and snapshots go; None keeps nothing.

    Raises:
        Diverged: naming update, epoch and seed, where a loss is not finite, or a weight or a term
            where the model is evaluated, kept or done.
    """
    keep_pages()
    rows = _row_optimizer(model, schedule)
    shared = [
        p
        for p in model.parameters()
        if p.requires_grad and not (rows and any(p is r for r in rows.parameters))
    ]
    optimizer = (
        torch.optim.Adam(
            shared, lr=schedule.rate, betas=schedule.betas, eps=schedule.eps, fused=True
        )
        if shared
        else None
    )
    state = State(model, optimizer, rows)
    done, history = keeper.resume(state) if keeper else (0, History())
    evaluate_at, snapshot_at = set(schedule.evaluate_at), set(schedule.snapshot_at)
    train_sample = sample_of(len(train), "train")
    test_sample = sample_of(len(test), "test") if test is not None else None
    device = next(iter(model.parameters())).device
    generator = torch.Generator(device=device)
    batches = _Batches(train, schedule, seed, device, codes_of_frozen(model, train, schedule))
    learned = _rounded(objective, dtype_of(schedule.precision, device))
    training_mode(model)
    for update in range(done + 1, schedule.updates + 1):
        epoch, position = divmod(update - 1, schedule.batches_per_epoch)
        batch = batches.at(epoch, position)
        generator.manual_seed(stream_seed(seed, "noise", update))
        parts = _parts_of(batch)
        if rows is not None:
            for _ in range(schedule.row_updates - 1):
                for part in parts:  # a row's update is its own, whatever part it comes in
                    loss = learned(model, part, generator)["loss"].mean()
                    rows.step(torch.autograd.grad(loss, rows.parameters), scale=len(part.x))
        if optimizer is not None:
            optimizer.zero_grad(set_to_none=True)
        value = 0.0
        for part in parts:
            share = len(part.x) / len(batch.x)
            loss = learned(model, part, generator)["loss"].mean() * share
            value += loss.item()
            if not math.isfinite(value):
                raise Diverged(
                    f"the loss is {value} at update {update} (epoch {epoch + 1}, batch "
                    f"{position + 1} of {schedule.batches_per_epoch}) with seed {seed}"
                )
            loss.backward()
        _step(optimizer, rows, schedule.rate_at(update), len(batch.x))
        history.record(value, schedule.record_every)
        if update in evaluate_at or update in snapshot_at or update == schedule.updates:
            _check_weights(model, f"update {update} (epoch {epoch + 1}) with seed {seed}")
        if update in evaluate_at:
            history.evaluations.append(
                Evaluation(
                    update,
                    schedule.epoch_of(update),
                    summarise(evaluate(model, objective, train, train_sample)),
                    summarise(evaluate(model, objective, test, test_sample))
                    if test is not None and rows is None
                    else {},
                )
            )
            _check_terms(history.evaluations[-1], f"update {update} (epoch {epoch + 1})", seed)
            training_mode(model)
        if update in snapshot_at:
            history.snapshots.append(update)
            if keeper:
                keeper.snapshot(update, model)
        if keeper:
            keeper.after_update(update, value, state, history)
    model.eval()
    return history


def _rounded(objective: Objective, dtype: torch.dtype) -> Objective:
    """The objective with the model's products in `dtype`."""
    if dtype == torch.float32:
        return objective

    def rounded(model: nn.Module, batch: Batch, generator: torch.Generator) -> Terms:
        with products_in(dtype):
            return objective(model, batch, generator)

    return rounded


class _Batches:
    """The batches of any epoch, in an order that the seed and the epoch say."""

    def __init__(
        self,
        images: Examples,
        schedule: Schedule,
        seed: int,
        device: torch.device,
        codes: Tensor | None,
    ) -> None:
        self.codes, self.pixels = codes, resident(images, device)
        known = images.labels if self.pixels is not None else None
        self.labels = None if known is None else torch.from_numpy(known).to(device)
        self.images, self.size, self.seed, self.device = images, schedule.batch_size, seed, device
        self.order, self.epoch = np.empty(0, np.int64), -1
        # Where all images make one batch, their order says nothing: it is made once.
        whole = schedule.batches_per_epoch == 1
        self.only = self._of(np.arange(len(images))) if whole else None

    def at(self, epoch: int, position: int) -> Batch:
        if self.only is not None:
            return self.only
        if epoch != self.epoch:
            self.order = numpy_stream(self.seed, "order", epoch).permutation(len(self.images))
            self.epoch = epoch
        first = position * self.size
        return self._of(self.order[first : first + self.size])

    def _of(self, index: NDArray[np.int64]) -> Batch:
        if self.pixels is None:
            batch = batch_of(self.images, index, self.device)
        else:
            rows = torch.from_numpy(index).to(self.device)
            y = None if self.labels is None else self.labels[rows]
            batch = Batch(scaled(self.pixels, rows), y, rows)
        return batch if self.codes is None else batch._replace(codes=self.codes[batch.index])


def codes_of_frozen(model: nn.Module, images: Examples, schedule: Schedule) -> Tensor | None:
    """The codes of all images, (N, D), where a frozen encoder makes the same ones every epoch.

    None where nothing is frozen, where not every image is looked at, or where they are too many.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(model, Autoencoder | Classifier) or not getattr(encoder, "is_frozen", False):
        return None
    few = len(images) * model.encoder.n_code <= MOST_CODES
    if not few or schedule.updates < schedule.batches_per_epoch:
        return None
    return _codes(model.encoder, images)


@torch.no_grad()
def _codes(encoder: nn.Module, images: Examples) -> Tensor:
    device = next(iter(encoder.parameters())).device
    size = max(1, min(500, PIXELS_AT_ONCE // images.scaled(np.arange(1)).size))
    blocks = [
        np.arange(first, min(first + size, len(images))) for first in range(0, len(images), size)
    ]
    return torch.cat([encoder(batch_of(images, index, device).x) for index in blocks])


def _row_optimizer(model: nn.Module, schedule: Schedule) -> RowAdam | None:
    parameters = [
        p
        for module in model.modules()
        if isinstance(module, PerImage)
        for p in module.parameters()
        if p.requires_grad
    ]
    if not parameters:
        return None
    return RowAdam(parameters, rate=schedule.row_rate, betas=schedule.row_betas)


def _parts_of(batch: Batch) -> list[Batch]:
    """A batch in parts of at most `PIXELS_AT_ONCE`; the whole of it where it is no larger.

    The gradients of the parts, each weighted by its share, add up to the gradient of the batch.
    """
    size = max(1, PIXELS_AT_ONCE // batch.x[0].numel())
    if len(batch.x) <= size:
        return [batch]
    slices = [slice(first, first + size) for first in range(0, len(batch.x), size)]
    return [
        Batch(*(None if field is None else field[s] for field in batch))  # type: ignore[arg-type]
        for s in slices
    ]


def _step(
    optimizer: torch.optim.Optimizer | None, rows: RowAdam | None, rate: float, batch_size: int
) -> None:
    if optimizer is not None:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    if rows is not None:
        gradients = [p.grad for p in rows.parameters]
        rows.step([g for g in gradients if g is not None], scale=batch_size)
        for parameter in rows.parameters:
            parameter.grad = None


def _check_weights(model: nn.Module, when: str) -> None:
    """A finite loss may have a gradient that is not: a weight is then lost, perhaps unseen.

    Asked where the model is looked at: at every update it would cost as much as it guards against.
    """
    for name, values in model.state_dict().items():
        if values.is_floating_point() and not torch.isfinite(values).all():
            n_lost = int((~torch.isfinite(values)).sum())
            raise Diverged(
                f"{n_lost:,} of {values.numel():,} values of '{name}' are not finite after {when}: "
                "a gradient was not, though the loss was"
            )


def _check_terms(evaluation: Evaluation, when: str, seed: int) -> None:
    for split in ("train", "test"):
        for term, summary in getattr(evaluation, split).items():
            if not (math.isfinite(summary.mean) and math.isfinite(summary.sd)):
                raise Diverged(
                    f"the {term} of {split} images is {summary.mean} (sd {summary.sd}) after "
                    f"{when} with seed {seed}"
                )


def sample_of(n: int, *names: str, size: int = EVALUATED_IMAGES) -> NDArray[np.int64]:
    """The images that the curves look at: all, or the same `size` of them for every run."""
    if n <= size:
        return np.arange(n)
    return np.sort(numpy_stream(0, "evaluated", *names).permutation(n)[:size])


def batch_of(images: Examples, index: NDArray[np.int64], device: torch.device) -> Batch:
    """The images at `index`, as floats on `device`."""
    x = torch.from_numpy(images.scaled(index)).to(device)
    y = None if images.labels is None else torch.from_numpy(images.labels[index]).to(device)
    return Batch(x, y, torch.from_numpy(index).to(device))


@torch.no_grad()
def evaluate(
    model: nn.Module,
    objective: Objective,
    images: Examples,
    index: NDArray[np.int64] | None = None,
    *,
    seed: int = 0,
    batch_size: int = 500,
) -> Terms:
    """The objective's per-image terms, each (n,), in evaluation mode.

    The noise is the same at every call: it comes from `seed` and the position among `index`.
    """
    model.eval()
    device = next(iter(model.parameters())).device
    if index is None:
        index = np.arange(len(images))
    batch_size = max(1, min(batch_size, PIXELS_AT_ONCE // images.scaled(index[:1]).size))
    parts: list[Terms] = []
    for first in range(0, len(index), batch_size):
        batch = batch_of(images, index[first : first + batch_size], device)
        generator = torch.Generator(device=device)
        generator.manual_seed(stream_seed(seed, "evaluation", first))
        parts.append(objective(model, batch, generator))
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
