"""What question `overfitting` measures on each run, and how it is judged from all seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from tacit.evidence.refine import refine
from tacit.images.dataset import Images
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured, best
from tacit.measures.intervals import decide
from tacit.measures.number import Number, undefined
from tacit.models.config import PerImageTable
from tacit.models.models import VAE, Autoencoder
from tacit.progress import part_by_part
from tacit.questions.base import OverSeeds, Runs
from tacit.questions.overfitting.question import Overfitting
from tacit.questions.shared.curves import Curve, Kept, Line
from tacit.questions.shared.outputs import comparable, one_per_class, reconstructions, terms
from tacit.questions.shared.samples import Rows
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.splits import OVER, SPLITS, gap, without_draw
from tacit.questions.shared.turning import turned_at
from tacit.streams import numpy_stream, torch_stream
from tacit.training.evaluation import evaluate, sample_of
from tacit.training.run_folder import SavedRun

REFINED_EARLIER = 50
"""At most so many images of each split are refined at snapshots before the last."""

REPORT_SAMPLES = 16
"""Samples of the ELBO that is reported for a refined image."""

OVERFITTED, BETTER, NONE, LOWER, UNDECIDED, UNFINISHED = (
    "overfitted",
    "better on training images, but the test loss has not distinguishably risen",
    "no distinguishable gap",
    "better on test images",
    "undecided",
    "not finished",
)


@dataclass(frozen=True)
class OfImages:
    """The first draw's loss on training images (`test` 0), then on test images (`test` 1), (n,)."""

    index: Rows
    test: Rows
    loss: Floats
    label: Rows | None


@dataclass(frozen=True)
class Final:
    """After the last update, on one split: per draw and image, (D, n) each.

    Attributes:
        right: whether a classifier is right.
    """

    loss: Floats
    right: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Pictures:
    """Images of one split and what the run made of them at each snapshot, (1 + K, n, C, H, W).

    Attributes:
        classes: of the images, (n,); None without labels.
        own: the same by the latents that were learned, of a VAE without an encoder.
    """

    shown: NDArray[np.uint8]
    classes: Rows | None
    own: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Refined:
    """Of a VAE without an encoder, whose images get new posteriors.

    Attributes:
        own_latents: the last training loss, by the latents learned with the decoder.
        still_rising: by how much the bound rose over the last tenth of the steps.
    """

    own_latents: float
    still_rising: float


@dataclass(frozen=True)
class OfRun:
    """One run of one seed.

    Attributes:
        kind: of model. loss: what it minimises, in words. beta: of its KL term.
        snapshot: updates, (K,). snapshots: the first draw's test loss at each, by image, (K, n).
        final, pictures: by split; a classifier has no pictures.
    """

    kind: str
    loss: str
    beta: float
    curves: Kept
    snapshot: Rows
    snapshots: Floats
    final: dict[str, Final]
    pictures: dict[str, Pictures]
    refined: Refined | None

    def test_loss(self, k: int) -> Floats:
        """At a snapshot, by draw and image, (D, n).

        Only the first draw's models are kept: of the others the mean over images is known, at the
        evaluation next to the snapshot, and images are taken to differ as they do for the first.
        """
        images, curve = self.snapshots[k], self.curves.loss["test"].mean
        if len(curve) == 1:
            return images[None]
        place = np.abs(self.curves.update - self.snapshot[k]).argmin()
        return curve[:, place, None] + images - images.mean()


@dataclass(frozen=True)
class Numbers:
    """What is measured on one seed, by run."""

    run: dict[str, OfRun]
    table: dict[str, OfImages]


def is_per_image(run: SavedRun) -> bool:
    """Whether the run has no posterior for images that it did not learn from."""
    return run.config.learn == "vae" and isinstance(run.config.posterior, PerImageTable)


def loss_of(run: SavedRun) -> str:
    """What a run minimises, in words; all but the squared error are in nats.

    Refinement maximises the ELBO itself, whatever training did.
    """
    if run.config.learn != "vae":
        return "cross-entropy" if run.config.learn == "classifier" else "squared error"
    if is_per_image(run):
        return "negative ELBO"
    if run.objective_table.kind != "elbo":
        return "negative importance-weighted bound"
    return "negative ELBO" if run.beta == 1 else "β-weighted negative ELBO"


def measure(runs: Runs, asked: Overfitting) -> Numbers:
    found = Numbers({}, {})
    for name in part_by_part(asked.runs):
        if is_per_image(runs[name]):
            found.run[name], found.table[name] = _refined(runs, runs[name], asked)
        else:
            found.run[name], found.table[name] = _evaluated(runs, runs.draws(name))
    return found


def _evaluated(runs: Runs, draws: Sequence[SavedRun]) -> tuple[OfRun, OfImages]:
    """A run that has an answer for any image."""
    first, updates = draws[0], draws[0].history.snapshots
    seen = comparable(first, runs.test, "test")
    seen = seen[sample_of(len(seen), "test")]
    final, pictures, rows = {}, {}, {}
    for split in SPLITS:
        images = [runs.images_of(one) if split == "train" else runs.test for one in draws]
        each = [comparable(one, own, split) for one, own in zip(draws, images, strict=True)]
        found = [terms(*one) for one in zip(draws, images, each, strict=True)]
        right = [one["accuracy"] == 1 for one in found if "accuracy" in one]
        final[split] = Final(
            np.stack([one["loss"] for one in found]), np.stack(right) if right else None
        )
        rows[split] = each[0]
        if first.config.learn != "classifier":
            shown = one_per_class(images[0])
            outputs = [reconstructions(_with_decoder(first, u), images[0], shown) for u in updates]
            pictures[split] = _pictured(images[0], shown, outputs)
    snapshots = [
        evaluate(first.model(u), first.objective, runs.test, seen)["loss"].double() for u in updates
    ]
    losses = {split: one.loss[0] for split, one in final.items()}
    return (
        OfRun(
            kind=first.config.learn,
            loss=loss_of(first),
            beta=first.beta,
            curves=Kept.of(draws),
            snapshot=np.array(updates),
            snapshots=np.stack(snapshots),
            final=final,
            pictures=pictures,
            refined=None,
        ),
        _of_images(runs.splits(first), rows, losses),
    )


def _refined(runs: Runs, run: SavedRun, asked: Overfitting) -> tuple[OfRun, OfImages]:
    """Train and test images get their posteriors alike: same start, same number of steps."""
    updates, steps = run.history.snapshots, asked.refine_steps
    splits = runs.splits(run)
    rows = {split: _shown_first(part, asked.refine_images, split) for split, part in splits.items()}
    losses: dict[str, list[Floats]] = {split: [] for split in splits}
    pictures, rising = {}, 0.0
    for split, part in part_by_part(tuple(splits.items())):
        shown, outputs, own = rows[split][: len(one_per_class(part))], [], []
        for update in part_by_part(updates):
            model = run.model_as(VAE, update)
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
                outputs.append(model.decode(refined.mean[: len(shown)]).numpy())
            if split == "train":
                tenth = max(1, steps // 10)
                before, last = refined.trace[-2 * tenth : -tenth], refined.trace[-tenth:]
                rising = float(last.mean() - before.mean()) if len(before) else 0.0
                own.append(reconstructions(model, part, shown))
        pictures[split] = _pictured(part, shown, outputs, own)
    earlier = min(map(len, losses["test"]))
    _, own_loss, _ = run.history.curve("train", "loss")
    return (
        OfRun(
            kind="vae",
            loss=loss_of(run),
            beta=run.beta,
            curves=Kept(
                np.array(updates),
                float(run.schedule.batches_per_epoch),
                {split: _line(each) for split, each in losses.items()},
                {},
            ),
            snapshot=np.array(updates),
            snapshots=np.stack([each[:earlier] for each in losses["test"]]),
            final={split: Final(each[-1][None], None) for split, each in losses.items()},
            pictures=pictures,
            refined=Refined(float(own_loss[-1]), rising),
        ),
        _of_images(splits, rows, {split: each[-1] for split, each in losses.items()}),
    )


def _line(losses: Sequence[Floats]) -> Line:
    """The means and standard errors of the losses at each snapshot, (1, K) each."""
    mean = [each.mean() for each in losses]
    error = [each.std(ddof=1) / len(each) ** 0.5 if len(each) > 1 else 0.0 for each in losses]
    return Line(np.array([mean]), np.array([error]))


def _shown_first(images: Images, n: int, split: str) -> Rows:
    """At most `n` rows, the same for every seed, those that are shown among them and in front."""
    shown = one_per_class(images)
    order = numpy_stream(0, "overfitting", "images", split).permutation(len(images))
    others = order[~np.isin(order, shown)]
    return np.concatenate([shown, others[: max(0, n - len(shown))]])


def _pictured(
    images: Images,
    rows: Rows,
    outputs: Sequence[NDArray[np.float32]],
    own: Sequence[NDArray[np.float32]] = (),
) -> Pictures:
    def whole(pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.uint8]:
        stacked = np.stack([images.scaled(rows), *pictures])
        return np.rint(255 * stacked.clip(0, 1)).astype(np.uint8)

    classes = images.labels_of(rows)
    return Pictures(whole(outputs), classes, whole(own) if own else None)


def _of_images(
    images: dict[str, Images], rows: dict[str, Rows], losses: dict[str, Floats]
) -> OfImages:
    labels = [part.labels[rows[split]] for split, part in images.items() if part.labels is not None]
    return OfImages(
        np.concatenate([rows[split] for split in images]),
        np.repeat([0, 1], [len(rows[split]) for split in images]),
        np.concatenate([losses[split] for split in images]),
        np.concatenate(labels) if len(labels) == len(images) else None,
    )


def _with_decoder(run: SavedRun, update: int) -> VAE | Autoencoder:
    model = run.model(update)
    assert isinstance(model, VAE | Autoencoder)
    return model


@dataclass(frozen=True)
class Judged:
    """What was found about one run over all seeds and draws.

    Attributes:
        name: of the run. of: what the first seed measured of it.
        gap: test minus training loss after the last update.
        rise: of the test loss since its lowest snapshot.
        turned: the update of its lowest value.
        accuracy_gap: training minus test, of a classifier.
        train, test: the loss curves.
        final: the mean loss after the last update, by split.
        finished: whether training had.
    """

    name: str
    of: OfRun
    gap: Number
    rise: Number
    turned: Number
    accuracy_gap: Number | None
    train: Curve
    test: Curve
    final: dict[str, float]
    finished: bool = True

    @property
    def verdict(self) -> str:
        """By the rule that `Overfitting` states."""
        found = decide(self.gap)
        if found == decide(self.rise) == "higher":
            return OVERFITTED
        if not self.finished:
            return UNFINISHED
        if found == "higher":
            return BETTER
        return {"lower": LOWER, "undefined": UNDECIDED}.get(found, NONE)


def judge(seeds: Seeds[Numbers], run: str, *, finished: bool = True) -> Judged:
    """The numbers of one run, over all seeds, draws and images; `finished`: its training."""
    first = seeds.first.run[run]
    unit = "" if first.kind == "autoencoder" else "nats"

    def final(split: str, term: str, unit: str) -> Measured:
        return seeds.measured(
            lambda one: getattr(one.run[run].final[split], term),
            unit,
            ("draw", "image"),
            images=OVER[split],
        )

    losses = {split: final(split, "loss", unit) for split in SPLITS}
    accuracy = None
    if first.kind == "classifier":
        right = {split: final(split, "right", "accuracy") for split in SPLITS}
        accuracy = -gap(**right, few=first.curves.few).mean()
        accuracy = accuracy.in_points
    train, test = (Curve.of((one.run[run].curves for one in seeds), "loss", s) for s in SPLITS)

    def snapshot(k: int) -> Measured:
        return seeds.measured(lambda one: one.run[run].test_loss(k), unit, ("draw", "image"))

    snapshots = [snapshot(k) for k in range(len(first.snapshot))]
    return Judged(
        name=run,
        of=first,
        gap=gap(**losses, few=first.curves.few).mean(),
        rise=rise(snapshots, few=first.curves.few),
        turned=turned_at(test.update, test.mean, numpy_stream(seeds.seed, "overfitting", run)),
        accuracy_gap=accuracy,
        train=train,
        test=test,
        final={split: one.value for split, one in losses.items()},
        finished=finished,
    )


class Found(OverSeeds[Numbers, Overfitting]):
    """What was found about all runs."""

    @cached_property
    def runs(self) -> list[Judged]:
        left = self.setting.unfinished
        return [judge(self.seeds, run, finished=run not in left) for run in self.asked.runs]

    @property
    def numbers(self) -> dict[str, Number | None]:
        return {
            f"{one.name}.{name.replace('_', '-')}": getattr(one, name)
            for name in ("gap", "rise", "turned", "accuracy_gap")
            for one in self.runs
        }


def rise(loss: Sequence[Measured], *, few: bool) -> Number:
    """How much the test loss rose from its lowest snapshot to the last.

    The lowest is chosen among several by the very losses that the rise is read on; so the interval
    is widened to hold for all snapshots together (Bonferroni), whichever is chosen.

    Args:
        loss: of test images at each snapshot, the last update at the end.
    """
    known = {str(k): without_draw(one, few) for k, one in enumerate(loss)}
    last, unit = str(len(loss) - 1), loss[0].unit
    lowest = min(known, key=lambda k: known[k].value)
    if lowest == last:
        return undefined("the test loss is lowest at the last snapshot", value=0.0, unit=unit)
    return best(known, winner=last).differences[lowest]
