"""What a run comes to on given images: its model, its schedule, and what it learns from."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.base import About
from tacit.encoders.source import parse
from tacit.images.dataset import UNLABELLED, Images, Split
from tacit.images.opened import Opened
from tacit.images.splits import few_label_draw
from tacit.models.config import AnyNetwork, ModelConfig, PerImageTable, TimmNetwork
from tacit.studies.description.spec import Run
from tacit.training.objectives.tables import BYOLTable
from tacit.training.schedule import Schedule, evenly

EPOCHS_EVALUATED, FEW_LABEL_POINTS = 30, 20


def schedule_of(run: Run, n_images: int, snapshots: Sequence[int], keep: bool) -> Schedule:
    """How a run on `n_images` trains.

    Few-label runs are evaluated and kept at even shares of their updates; others by epochs.
    """
    batches = math.ceil(n_images / run.batch_size)
    epochs_asked = sum(phase.epochs for phase in run.phases) or run.epochs
    whole = max(epochs_asked * batches, run.updates)
    updates = math.ceil(run.cycle_share * whole)
    ends = list(accumulate(phase.epochs * batches for phase in run.phases))
    epochs = math.ceil(updates / batches)
    points = run.evaluations or (EPOCHS_EVALUATED if run.train is None else FEW_LABEL_POINTS)
    if run.train is not None:
        evaluate_at = evenly(updates, points)
        last = max(snapshots, default=1)
        snapshot_at = {max(1, round(updates * epoch / last)) for epoch in snapshots}
    else:
        evaluate_at = (
            tuple(min(e * batches, updates) for e in range(1, epochs + 1))
            if epochs <= points
            else evenly(updates, points)
        )
        snapshot_at = {e * batches for e in snapshots if e * batches <= updates} | set(ends)
    posterior = run.posterior
    rows: dict[str, Any] = {}
    if isinstance(posterior, PerImageTable):
        rows = {
            "row_updates": posterior.updates,
            "row_rate": posterior.rate,
            "row_betas": posterior.betas,
        }
    return Schedule(
        n_images=n_images,
        batch_size=run.batch_size,
        updates=updates,
        rate=run.rate,
        betas=run.betas,
        eps=run.eps,
        one_cycle=run.one_cycle,
        cycle=whole if updates < whole else 0,
        precision=run.precision,
        phases=tuple((end, phase.rate) for end, phase in zip(ends, run.phases, strict=True)),
        evaluate_at=tuple(sorted({*evaluate_at, *(snapshot_at if keep else ()), updates})),
        snapshot_at=tuple(sorted(snapshot_at | {updates})) if keep else (),
        **rows,
    )


def model_config(
    run: Run,
    images: Split | Opened,
    encoders: Mapping[str, About] = MappingProxyType({}),
) -> ModelConfig:
    """The model that a run trains on these images.

    encoders: what is known of those from elsewhere, by what names them.
    """
    known = None if run.pretrained is None else encoders[run.pretrained]
    given = known if run.reads_features else None
    taken = run.taken_encoder
    reads_probabilities = taken is not None and taken.part == "probabilities"
    return ModelConfig(
        learn=run.learn,
        shape=images.train.shape,
        latent_dim=run.latent_dim if given is None else given.n_features,
        n_classes=images.train.n_classes,
        n_images=len(images.train) if isinstance(run.posterior, PerImageTable) else 0,
        network=run.network if known is None or given is known else _learned_on(known),
        likelihood=run.likelihood,
        posterior=run.posterior,
        code_is="probabilities" if reads_probabilities else "code",
        projector=run.projector if run.learn == "contrastive" else None,
        momentum=run.objective.momentum if isinstance(run.objective, BYOLTable) else None,
        features=None if given is None else given.key,
    )


def _learned_on(known: About) -> AnyNetwork:
    """The architecture of an encoder from elsewhere."""
    assert known.recipe is not None  # timm's have one
    return TimmNetwork(
        model=parse(known.source).model.partition(".")[0],
        n_features=known.n_features,
        size=known.recipe.size,
        mean=known.recipe.mean,
        sd=known.recipe.sd,
    )


def learned_from(run: Run, draw: int, train: Images) -> NDArray[np.int64] | None:
    """The rows of the training images that a run learns from; None for all of them."""
    if not run.reads_class_labels or train.labels is None:
        return None
    if run.train is not None:
        return few_label_draw(
            train.labels,
            run.train.per_class,
            draw,
            train.class_names,
            small_classes=run.train.small_classes,
        )
    known = np.flatnonzero(train.labels != UNLABELLED)
    return known if len(known) < len(train) else None
