"""The only loop.

Time is counted in updates. Every random choice of update u comes from streams named by u or by its
epoch, so that a run that is interrupted and continued is the run that was never interrupted.
"""

import math

import torch
from torch import nn

from tacit.models.parts import training_mode
from tacit.models.posteriors import PerImage
from tacit.models.precision import dtype_of, products_in
from tacit.streams import stream_seed
from tacit.training.batches import Batches, codes_of_frozen, parts_of
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.examples import Examples
from tacit.training.history import Evaluation, History, summarise
from tacit.training.objectives import Batch, Objective, Terms
from tacit.training.optimizers import RowAdam
from tacit.training.pages import keep_pages
from tacit.training.schedule import Schedule
from tacit.training.state import Keeper, State


class Diverged(ArithmeticError):
    """A loss, a weight or an evaluated term that is not finite."""


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
    batches = Batches(train, schedule, seed, device, codes_of_frozen(model, train, schedule))
    learned = _rounded(objective, dtype_of(schedule.precision, device))
    training_mode(model)
    for update in range(done + 1, schedule.updates + 1):
        epoch, position = divmod(update - 1, schedule.batches_per_epoch)
        batch = batches.at(epoch, position)
        generator.manual_seed(stream_seed(seed, "noise", update))
        parts = parts_of(batch)
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
