"""Figures and tables of inference: curves, what separates the methods, reconstructions."""

from collections.abc import Container

import numpy as np

from tacit.evidence.refine import TOLERANCE
from tacit.figures.charts import Panel, Series, curves, intervals, paired_differences
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.formatting import percent, show, significant
from tacit.questions.base import Setting
from tacit.questions.finding import Table
from tacit.questions.inference_method.numbers import OVER, Inferred
from tacit.questions.inference_method.words import described, verdict_of


def figures_of(found: Inferred, setting: Setting) -> tuple[Figure, ...]:
    """All figures, in reading order."""
    return (
        _learning(found, setting),
        _parts(found, setting),
        _pairs(found, setting),
        _refining(found, setting),
        *_snapshots(found, setting),
        *(_final(found, split, setting) for split in OVER),
    )


def tables_of(found: Inferred, unfinished: Container[str] = ()) -> tuple[Table, ...]:
    """Every run's own and refined codes, and the verdict on it."""
    rows = []
    for run in found.runs:
        own_on_test = run == found.amortized
        rows.append(
            (
                run,
                "one encoder" if own_on_test else described(found, run),
                found.of("train", run, "elbo").mean(),
                found.of("train", run, "refined_elbo").mean(),
                found.of("test", run, "elbo").mean() if own_on_test else None,
                found.of("test", run, "refined_elbo").mean(),
                found.of("train", run, "squared_error").mean(),
                found.of("train", run, "refined_squared_error").mean(),
                None if own_on_test else verdict_of(found, run, unfinished),
            )
        )
    return (
        Table(
            caption="ELBO in nats and squared error summed over pixels, per image: of each run's "
            "own codes, and of codes refined from the prior against its decoder. A "
            "per-image run has no codes of its own for test images.",
            columns=(
                "run",
                "codes",
                "ELBO, train, own",
                "refined",
                "ELBO, test, own",
                "refined ",
                "squared error, train, own",
                "refined  ",
                "verdict",
            ),
            rows=tuple(rows),
        ),
    )


def _learning(found: Inferred, setting: Setting) -> Figure:
    by_epoch, by_update, said = [], [], []
    for number, run in enumerate(found.runs):
        for split in OVER:
            curve = found.learned(run, split)
            if curve is None:
                continue
            epochs, values = curve
            mean, low, high = values.mean(axis=0), values.min(axis=0), values.max(axis=0)
            label = run if split == "train" else f"{run}, test"
            by_epoch.append(Series(label, epochs, mean, low, high, number, split=split))
            if split == "train":
                at = epochs * found.described(run).visits
                by_update.append(Series(label, at, mean, low, high, number))
            said.append(
                f"{label}: {significant(float(mean[0]))} after {significant(float(epochs[0]))} and "
                f"{significant(float(mean[-1]))} nats after {significant(float(epochs[-1]))} epochs"
            )
    each = " Bands reach from the lowest to the highest seed." if len(found.seeds) > 1 else ""
    return setting.chart(
        "learning",
        curves(
            Panel(by_epoch, "epoch", "ELBO, nats", "by epoch"),
            Panel(
                by_update,
                "updates per image",
                "ELBO of training images, nats",
                "by updates of an image's code",
                log_x=True,
            ),
        ),
        "The ELBO while the runs learned. Left by epoch; right by how often each image's code was "
        "updated, which is updates per visit times epochs: a curve that still rises at its end "
        f"belongs to codes that are not finished.{_rises(found)}{each}",
        "; ".join(said),
    )


def _rises(found: Inferred) -> str:
    rises = {run: rise for run in found.runs if (rise := found.rise(run)) is not None}
    if not rises:
        return ""
    listed = ", ".join(f"{significant(rise, 2)} for '{run}'" for run, rise in rises.items())
    return f" In the last fifth of the epochs the training ELBO changed by {listed} (nats)."


def _parts(found: Inferred, setting: Setting) -> Figure:
    groups = {
        "encoder's lead": [found.encoder_minus_own(run).mean() for run in found.per_image],
        "decoder": [found.decoder(run, "train").mean() for run in found.per_image],
        "not finished": [found.unfinished(run).mean() for run in found.per_image],
        "missed": [found.missed("train").mean() for _ in found.per_image],
    }
    return setting.chart(
        "parts",
        intervals(
            list(found.per_image),
            groups,
            x_label="difference of ELBO on training images, nats",
            reference=0,
        ),
        "What the encoder's lead over own codes, as trained, is made of: what its decoder is "
        "better by when all codes are refined alike, plus what own codes had not finished, minus "
        "what the encoder missed of its own optimum.",
        "; ".join(
            f"{run}: " + ", ".join(f"{name} {show(n[k])}" for name, n in groups.items())
            for k, run in enumerate(found.per_image)
        ),
    )


def _pairs(found: Inferred, setting: Setting) -> Figure:
    run = found.per_image[0]
    lead = found.encoder_minus_own(run)
    number = lead.mean()
    worse = percent(found.encoder_worse(run).value)
    return setting.chart(
        "pairs",
        paired_differences(
            lead.average("seed").values,
            x_label=f"ELBO of '{found.amortized}' minus '{run}', nats",
            number=number,
            below="own code better",
            above="encoder better",
        ),
        "The same training images under both methods, as trained: one difference for each image.",
        f"mean difference {show(number)}; the encoder is worse for {worse} of the images",
    )


def _refining(found: Inferred, setting: Setting) -> Figure:
    traces = {run: found.seeds.first.traces[run] for run in found.runs}
    series = [
        Series(run, np.arange(1, len(trace) + 1), trace, colour=number)
        for number, (run, trace) in enumerate(traces.items())
    ]
    settled = np.concatenate([trace[len(trace) // 5 :] for trace in traces.values()])
    room = 0.05 * float(np.ptp(settled)) or 1.0
    return setting.chart(
        "refining",
        curves(
            Panel(
                series,
                "refinement: steps, then looks",
                "mean ELBO of test images, nats",
                y_limits=(float(settled.min()) - room, float(settled.max()) + room),
            )
        ),
        "Test images refined from the prior against each final, frozen decoder; after the noisy "
        f"steps, steps by slope and curvature. {percent(found.converged)} of all images were found "
        f"to lack at most {TOLERANCE:g} nats in the end. What separates the curves there is the "
        "decoder.",
        "; ".join(
            f"{run}: {significant(float(trace[-1]))} nats in the end"
            for run, trace in traces.items()
        ),
    )


def _snapshots(found: Inferred, setting: Setting) -> tuple[Figure, ...]:
    """Reconstructions side by side at the epochs at which every run was kept."""
    first = found.seeds.first
    of_all = [e for e, by_run in first.snapshots.items() if len(by_run) == len(found.runs)]
    kept = sorted(of_all, key=int)
    if not kept:
        return ()
    rows, labels = [list(first.shown["train"].original)], ["original"]
    for epoch in kept:
        for run in found.runs:
            rows.append(list(first.snapshots[epoch][run]))
            labels.append(f"epoch {epoch} · {run}")
    return (
        setting.grid(
            "snapshots",
            grid(rows, row_labels=labels),
            "Training images and their reconstructions after the epoch named at the left, each "
            "from the codes and the decoder of that epoch.",
            f"rows: the original, then after epochs {', '.join(kept)} the runs "
            f"{', '.join(found.runs)}; {_errors(found)}",
        ),
    )


def _final(found: Inferred, split: str, setting: Setting) -> Figure:
    shown = found.seeds.first.shown[split]
    rows, labels = [list(shown.original)], ["original"]
    for run in found.runs:
        pictures = shown.runs[run]
        for kind, decoded in (("own", pictures.own), ("refined", pictures.refined)):
            if decoded is not None:
                rows.append(list(decoded))
                labels.append(f"{run}, {kind}")
    return setting.grid(
        split,
        grid(rows, row_labels=labels),
        f"{OVER[split].capitalize()} reconstructed by the final models, from their own codes where "
        "they have any and from refined codes.",
        f"rows: {', '.join(labels)}; {_errors(found)}",
    )


def _errors(found: Inferred) -> str:
    said = [f"{run} {show(found.of('train', run, 'squared_error').mean())}" for run in found.runs]
    return "mean squared error on training images as trained: " + ", ".join(said)
