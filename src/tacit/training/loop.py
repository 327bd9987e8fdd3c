"""The only loop.

What an update does stands in `step`.

Time is counted in updates. Every random choice of update u comes from streams named by u or by its
epoch, so that a run that is interrupted and continued is the run that was never interrupted.
"""

import math
from functools import partial, wraps

import torch
from torch import nn

from tacit.models.models import Contrastive
from tacit.models.noise import Noise
from tacit.models.parts import training_mode
from tacit.models.posteriors import PerImage
from tacit.models.precision import dtype_of, products_in
from tacit.streams import stream_seed
from tacit.training.batches import Batches
from tacit.training.collapse import JUDGED_FROM, Collapsed, spread_of
from tacit.training.components import set_components
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.examples import Examples
from tacit.training.frozen_codes import codes_of_frozen
from tacit.training.history import Evaluation, History, summarise
from tacit.training.losses import Unread
from tacit.training.objectives import Batch, Objective, Terms
from tacit.training.objectives.base import needs_whole_batch
from tacit.training.optimizers import RowAdam
from tacit.training.pages import keep_pages
from tacit.training.ranks import ALONE, Ranks, RanksError
from tacit.training.ranks.ranks import fit_together, keep_own_rows, make_whole
from tacit.training.schedule import Schedule
from tacit.training.state import Checkpointer, State
from tacit.training.step import Step


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
    checkpointer: Checkpointer | None = None,
    ranks: Ranks = ALONE,
) -> History:
    """Train `model` in place by `schedule` and return what was seen.

    Args:
        model: parts that are frozen stay as they are, running statistics too.
        objective: the per-image terms; the mean of its ``loss`` over a batch is minimised in the
            shared weights, and each image's own loss in parameters that belong to that image.
        train, test: images, or other examples; `test` is only looked at, by the curves.
        schedule: see `Schedule`.
        seed: of order and noise. (That of the weights was used when the model was built.)
        checkpointer: where checkpoints and snapshots go; None keeps nothing.
        ranks: who learns together (`tacit.training.ranks`); each of them calls this with the same
            model, images, schedule and seed, and the first has the whole model at the end.

    Raises:
        RanksError: so many ranks cannot learn this together. RankLost: one of them is gone.
        Collapsed: a contrastive model gives all images the same code (`tacit.training.collapse`).
        Diverged: naming update, epoch and seed, where a loss is not finite, or a weight or a term
            where the model is evaluated, kept or done.
    """
    keep_pages()
    device = next(iter(model.parameters())).device
    _check_ranks(ranks.size, schedule, objective, isinstance(model, Contrastive))
    keep_own_rows(model, ranks)
    rows = _row_optimizer(model, schedule)
    optimizer = _shared_optimizer(model, rows, schedule)
    owned = rows is not None
    state = State(model, optimizer, rows, ranks)
    done, history = checkpointer.resume(state) if checkpointer else (0, History())
    evaluate_at, snapshot_at = set(schedule.evaluate_at), set(schedule.snapshot_at)
    train_sample = sample_of(len(train), "train")
    test_sample = sample_of(len(test), "test") if test is not None else None
    generator = Noise(device)
    codes = codes_of_frozen(model, train, schedule, ranks)
    batches = Batches(train, schedule, seed, device, codes, ranks, owned=owned)
    learned = _rounded(objective, dtype_of(schedule.precision, device))
    step = Step(model, learned, generator, optimizer, rows, schedule.row_updates, ranks)
    unread = Unread(device, at_once=ranks.size > 1)
    look = partial(evaluate, model, objective, ranks=ranks, owned=owned)
    training_mode(model)
    for update in range(done + 1, schedule.updates + 1):
        epoch, position = divmod(update - 1, schedule.batches_per_epoch)
        generator.manual_seed(stream_seed(seed, "noise", update))
        unread.add(update, step(batches.at(epoch, position), schedule.rate_at(update)))
        looked_at = update in evaluate_at or update in snapshot_at or update == schedule.updates
        if not (looked_at or unread.due):
            continue
        for number, value in unread.read():
            if not math.isfinite(value):
                raise Diverged(_lost(value, number, schedule, seed))
            history.record(value, schedule.record_every)
        if looked_at:
            _check_weights(model, f"update {update} (epoch {epoch + 1}) with seed {seed}")
            ranks.check_alike(model)
            if isinstance(model, Contrastive):
                set_components(model, train, train_sample, ranks)
                training_mode(model)
        if update in evaluate_at:
            when = f"update {update} (epoch {epoch + 1})"
            history.evaluations.append(
                Evaluation(
                    update,
                    schedule.epoch_of(update),
                    summarise(look(train, train_sample)),
                    summarise(look(test, test_sample)) if test is not None and not owned else {},
                )
            )
            _check_terms(history.evaluations[-1], when, seed)
            if isinstance(model, Contrastive):
                spread = spread_of(model, train, train_sample, ranks)
                history.evaluations[-1].train.update(spread.summaries)
                if spread.collapse and update >= JUDGED_FROM:
                    raise Collapsed(f"{spread.collapse}, after {when} with seed {seed}")
            training_mode(model)
        if update in snapshot_at:
            history.snapshots.append(update)
            if checkpointer:
                checkpointer.snapshot(update, state)
        if checkpointer:
            checkpointer.after_update(update, value, state, history)
    make_whole(model, ranks)
    model.eval()
    return history


def _check_ranks(size: int, schedule: Schedule, objective: Objective, contrastive: bool) -> None:
    fit_together(size, schedule)
    if size > 1 and needs_whole_batch(objective) and not contrastive:
        raise RanksError(
            f"ranks is {size}, but the objective compares the images of a batch, and only those of "
            "contrastive models do so over ranks"
        )


def _rounded(objective: Objective, dtype: torch.dtype) -> Objective:
    """The objective with the model's products in `dtype`."""
    if dtype == torch.float32:
        return objective

    @wraps(objective)
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


def _shared_optimizer(
    model: nn.Module, rows: RowAdam | None, schedule: Schedule
) -> torch.optim.Optimizer | None:
    """Adam on what learns and belongs to no image; None where nothing does."""
    of_images = {id(parameter) for parameter in rows.parameters} if rows else set()
    shared = [p for p in model.parameters() if p.requires_grad and id(p) not in of_images]
    if not shared:
        return None
    # Layers of one that was trained already may learn more slowly than the others.
    factors = [float(getattr(p, "rate_factor", 1.0)) for p in shared]
    groups = [
        {"params": [p for p, own in zip(shared, factors, strict=True) if own == f], "factor": f}
        for f in dict.fromkeys(factors)
    ]
    return torch.optim.Adam(
        groups,
        lr=schedule.rate,
        betas=schedule.betas,
        eps=schedule.eps,
        fused=True,
    )


def _lost(value: float, update: int, schedule: Schedule, seed: int) -> str:
    epoch, position = divmod(update - 1, schedule.batches_per_epoch)
    return (
        f"the loss is {value} at update {update} (epoch {epoch + 1}, batch "
        f"{position + 1} of {schedule.batches_per_epoch}) with seed {seed}"
    )


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
