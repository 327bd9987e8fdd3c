"""What question `overfitting` measures on one run: losses, refined losses, reconstructions."""

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.models.config import PerImageTable
from tacit.models.models import VAE, Autoencoder
from tacit.questions.base import Measurement, Runs
from tacit.questions.shared.curves import keep_curves
from tacit.questions.shared.outputs import comparable, one_per_class, reconstructions, terms
from tacit.streams import numpy_stream, torch_stream
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.history import summarise
from tacit.training.run_folder import SavedRun

REFINED_EARLIER = 50
"""At most so many images of each split are refined at snapshots before the last."""

REPORT_SAMPLES = 16
"""Samples of the ELBO that is reported for a refined image."""


def is_per_image(run: SavedRun) -> bool:
    """Whether the run has no posterior for images that it did not learn from."""
    return run.config.learn == "vae" and isinstance(run.config.posterior, PerImageTable)


def measure_run(
    found: Measurement, prefix: str, table: str, name: str, runs: Runs, images: int, steps: int
) -> None:
    """Put under `prefix` what is needed of run `name`, and under `table` its numbers per image.

    Args:
        images, steps: how many images of each split are refined, where the run needs it.
    """
    draws = runs.draws(name)
    first = draws[0]
    learned = runs.images_of(first)
    updates = list(first.history.snapshots)
    found.arrays[f"{prefix}/snapshot"] = np.array(updates)
    if is_per_image(first):
        _measure_refined(found, prefix, table, runs, first, images, steps)
        return
    classifies = first.config.learn == "classifier"
    keep_curves(found, prefix, draws, ("loss", "accuracy") if classifies else ("loss",))
    finals: dict[str, list[float]] = {}
    for draw in draws:
        own = runs.images_of(draw)
        rows = {
            "train": comparable(draw, own, "train"),
            "test": comparable(draw, runs.test, "test"),
        }
        values = {
            "train": terms(draw, own, rows["train"]),
            "test": terms(draw, runs.test, rows["test"]),
        }
        for split, found_terms in values.items():
            for term in ("loss", "accuracy") if classifies else ("loss",):
                finals.setdefault(f"{split}.{term}", []).append(float(found_terms[term].mean()))
        if draw is first:
            losses = [values[split]["loss"] for split in ("train", "test")]
            _per_image_table(found, table, (own, runs.test), tuple(rows.values()), losses)
            if classifies:
                for split in ("train", "test"):
                    found.arrays[f"{prefix}/{split}.right"] = values[split]["accuracy"]
    found.arrays |= {f"{prefix}/final.{key}": np.array(column) for key, column in finals.items()}
    labelled_test = comparable(first, runs.test, "test")
    seen = labelled_test[sample_of(len(labelled_test), "test")]
    found.arrays[f"{prefix}/snapshot.test"] = np.stack(
        [
            evaluate(first.model(update), first.objective, runs.test, seen)["loss"].double().numpy()
            for update in updates
        ]
    )
    if not classifies:
        for split, pictured in (("train", learned), ("test", runs.test)):
            shown = one_per_class(pictured)
            outputs = [
                reconstructions(_with_decoder(first.model(update)), pictured, shown)
                for update in updates
            ]
            _keep_pictures(found, f"{prefix}/pictures.{split}", pictured.scaled(shown), outputs)
            if pictured.labels is not None:
                found.arrays[f"{prefix}/pictured.{split}"] = pictured.labels[shown]


def _measure_refined(
    found: Measurement, prefix: str, table: str, runs: Runs, run: SavedRun, images: int, steps: int
) -> None:
    """Train and test images get their posteriors alike: same start, same number of steps."""
    updates = run.history.snapshots
    learned = runs.images_of(run)
    splits = {"train": learned, "test": runs.test}
    rows = {split: _shown_first(part, images, runs.seed, split) for split, part in splits.items()}
    losses: dict[str, list[NDArray[np.float64]]] = {"train": [], "test": []}
    for split, part in splits.items():
        n_shown, outputs, own = len(one_per_class(part)), [], []
        for update in updates:
            model = run.model(update)
            assert isinstance(model, VAE)
            some = rows[split] if update == updates[-1] else rows[split][:REFINED_EARLIER]
            refined = refine(
                model,
                torch.from_numpy(part.scaled(some)),
                start="prior",
                steps=steps,
                n_samples=REPORT_SAMPLES,
                generator=torch_stream(runs.seed, "overfitting", "refine"),
            )
            losses[split].append(-refined.elbo)
            with torch.no_grad():
                outputs.append(model.decode(refined.mean[:n_shown]).numpy())
            if split == "train":
                tenth = max(1, steps // 10)
                before, last = refined.trace[-2 * tenth : -tenth], refined.trace[-tenth:]
                rising = float(last.mean() - before.mean()) if len(before) else 0.0
                found.values[f"{prefix}/still-rising"] = rising
                own.append(reconstructions(model, part, some[:n_shown]))
        originals = part.scaled(rows[split][:n_shown])
        if part.labels is not None:
            found.arrays[f"{prefix}/pictured.{split}"] = part.labels[rows[split][:n_shown]]
        _keep_pictures(found, f"{prefix}/pictures.{split}", originals, outputs)
        if own:
            _keep_pictures(found, f"{prefix}/pictures.own", originals, own)
        summaries = [summarise({"loss": torch.from_numpy(v)})["loss"] for v in losses[split]]
        found.arrays[f"{prefix}/{split}.loss"] = np.array([[s.mean for s in summaries]])
        found.arrays[f"{prefix}/{split}.loss.error"] = np.array(
            [[s.sd / s.n**0.5 for s in summaries]]
        )
        found.arrays[f"{prefix}/final.{split}.loss"] = np.array([summaries[-1].mean])
    found.arrays[f"{prefix}/update"] = np.array(updates)
    earlier = min(len(values) for values in losses["test"])
    found.arrays[f"{prefix}/snapshot.test"] = np.stack([v[:earlier] for v in losses["test"]])
    finals = [losses[split][-1] for split in splits]
    _per_image_table(found, table, tuple(splits.values()), tuple(rows.values()), finals)
    found.values[f"{prefix}/updates-per-epoch"] = float(run.schedule.batches_per_epoch)
    _, own_loss, _ = run.history.curve("train", "loss")
    found.values[f"{prefix}/own-latents"] = float(own_loss[-1])


def _shown_first(images: Images, n: int, seed: int, split: str) -> NDArray[np.int64]:
    """At most `n` rows, those that are shown among them and in front."""
    shown = one_per_class(images)
    order = numpy_stream(seed, "overfitting", "images", split).permutation(len(images))
    others = order[~np.isin(order, shown)]
    return np.concatenate([shown, others[: max(0, n - len(shown))]])


def _keep_pictures(
    found: Measurement,
    name: str,
    originals: NDArray[np.float32],
    outputs: list[NDArray[np.float32]],
) -> None:
    whole = np.stack([originals, *outputs])
    found.arrays[name] = np.rint(255 * whole.clip(0, 1)).astype(np.uint8)


def _per_image_table(
    found: Measurement,
    table: str,
    images: tuple[Images, ...],
    rows: tuple[NDArray[np.int64], ...],
    losses: list[NDArray[np.float64]],
) -> None:
    """Columns for training images, then test images; `test` is 0 and 1."""
    found.arrays[f"{table}/index"] = np.concatenate(rows)
    found.arrays[f"{table}/test"] = np.repeat([0, 1], [len(some) for some in rows])
    found.arrays[f"{table}/loss"] = np.concatenate(losses)
    labels = [
        part.labels[some]
        for part, some in zip(images, rows, strict=True)
        if part.labels is not None
    ]
    if len(labels) == len(images):
        found.arrays[f"{table}/label"] = np.concatenate(labels)


def _with_decoder(model: object) -> VAE | Autoencoder:
    assert isinstance(model, VAE | Autoencoder)
    return model
