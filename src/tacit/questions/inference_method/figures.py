"""Figures and tables of inference: curves, what separates the methods, reconstructions."""

from collections.abc import Callable
from functools import partial

import numpy as np

from tacit.evidence.refine import TOLERANCE
from tacit.figures.charts import Panel, Series, paired_differences
from tacit.figures.sink import Figure
from tacit.measures.engine import Measured
from tacit.measures.formatting import percent, show
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.finding import Cell, Table
from tacit.questions.inference_method.numbers import Found
from tacit.questions.inference_method.words import described, verdict_of
from tacit.questions.shared.drawing import bands_over, over_seeds
from tacit.questions.shared.splits import OVER


def draw(found: Found, setting: Setting) -> tuple[Figure, ...]:
    return (
        _learning(found, setting),
        _parts(found, setting),
        _pairs(found, setting),
        _refining(found, setting),
        *_snapshots(found, setting),
        *(_final(found, split, setting) for split in OVER),
    )


def tables(found: Found, setting: Setting) -> tuple[Table, ...]:
    """Every run's own and refined codes, and the verdict on it."""

    def of(split: str, column: str) -> Callable[[str], Number]:
        return lambda run: found.of(split, run, column).mean()

    def where(own: Callable[[str], Cell], other: Callable[[str], Cell]) -> Callable[[str], Cell]:
        return lambda run: (own if run == found.asked.amortized else other)(run)

    return (
        Table.of(
            "ELBO in nats and squared error summed over pixels, per image: of each run's "
            "own codes, and of codes refined from the prior against its decoder. A "
            "per-image run has no codes of its own for test images.",
            found.asked.runs,
            {
                "run": str,
                "codes": where(lambda _: "one encoder", partial(described, found)),
                "ELBO, train, own": of("train", "elbo"),
                "refined": of("train", "refined_elbo"),
                "ELBO, test, own": where(of("test", "elbo"), lambda _: None),
                "refined ": of("test", "refined_elbo"),
                "squared error, train, own": of("train", "squared_error"),
                "refined  ": of("train", "refined_squared_error"),
                "verdict": where(lambda _: None, partial(verdict_of, found)),
            },
        ),
    )


def _learning(found: Found, setting: Setting) -> Figure:
    by_epoch, by_update = [], []
    for number, run in enumerate(found.asked.runs):
        for split in OVER:
            if (curve := found.learned(run, split)) is None:
                continue
            epochs, values = curve
            label = run if split == "train" else f"{run}, test"
            by_epoch.append(over_seeds(label, epochs, values, number, split))
            if split == "train":
                at = epochs * found.described(run).visits
                by_update.append(over_seeds(label, at, values, number))
    panels = [
        Panel(by_epoch, "epoch", "ELBO, nats", "by epoch"),
        Panel(
            by_update,
            "updates per image",
            "ELBO of training images, nats",
            "by updates of an image's code",
            log_x=True,
        ),
    ]
    return setting.curves(
        "learning",
        panels,
        "The ELBO while the runs learned. Left by epoch; right by how often each image's code was "
        "updated, which is updates per visit times epochs: a curve that still rises at its end "
        f"belongs to codes that are not finished{bands_over(len(found.seeds))}.",
    )


def _parts(found: Found, setting: Setting) -> Figure:
    parts: dict[str, Callable[[str], Measured]] = {
        "encoder's lead": found.encoder_minus_own,
        "decoder": lambda run: found.decoder(run, "train"),
        "not finished": found.unfinished,
        "missed": lambda _: found.missed("train"),
    }
    return setting.intervals(
        "parts",
        {
            name: {run: of(run).mean() for run in found.asked.per_image}
            for name, of in parts.items()
        },
        "What the encoder's lead over own codes, as trained, is made of: what its decoder is "
        "better by when all codes are refined alike, plus what own codes had not finished, minus "
        "what the encoder missed of its own optimum.",
        x_label="difference of ELBO on training images, nats",
        reference=(0.0, ""),
    )


def _pairs(found: Found, setting: Setting) -> Figure:
    run = found.asked.per_image[0]
    lead = found.encoder_minus_own(run)
    number = lead.mean()
    worse = percent(found.encoder_worse(run).value)
    return setting.chart(
        "pairs",
        paired_differences(
            lead.average("seed").values,
            x_label=f"ELBO of '{found.asked.amortized}' minus '{run}', nats",
            number=number,
            below="own code better",
            above="encoder better",
        ),
        "The same training images under both methods, as trained: one difference for each image.",
        f"mean difference {show(number)}; the encoder is worse for {worse} of the images",
    )


def _refining(found: Found, setting: Setting) -> Figure:
    traces = {run: found.first.traces[run] for run in found.asked.runs}
    series = [
        Series(run, np.arange(1, len(trace) + 1), trace, colour=number)
        for number, (run, trace) in enumerate(traces.items())
    ]
    settled = np.concatenate([trace[len(trace) // 5 :] for trace in traces.values()])
    room = 0.05 * float(np.ptp(settled)) or 1.0
    limits = float(settled.min()) - room, float(settled.max()) + room
    x, y = "refinement: steps, then looks", "mean ELBO of test images, nats"
    return setting.curves(
        "refining",
        [Panel(series, x, y, y_limits=limits)],
        "Test images refined from the prior against each final, frozen decoder; after the noisy "
        f"steps, steps by slope and curvature. {percent(found.converged)} of all images were found "
        f"to lack at most {TOLERANCE:g} nats in the end. What separates the curves there is the "
        "decoder.",
    )


def _snapshots(found: Found, setting: Setting) -> tuple[Figure, ...]:
    """Reconstructions side by side at the epochs at which every run was kept."""
    first = found.first
    of_all = [e for e, by_run in first.snapshots.items() if len(by_run) == len(found.asked.runs)]
    rows = [
        (f"epoch {epoch} · {run}", first.snapshots[epoch][run])
        for epoch in sorted(of_all, key=int)
        for run in found.asked.runs
    ]
    if not rows:
        return ()
    return (
        setting.pictures(
            "snapshots",
            [("original", first.shown["train"].original), *rows],
            "Training images and their reconstructions after the epoch named at the left, each "
            "from the codes and the decoder of that epoch.",
            told=_errors(found),
        ),
    )


def _final(found: Found, split: str, setting: Setting) -> Figure:
    shown = found.first.shown[split]
    rows = [
        (f"{run}, {kind}", decoded)
        for run in found.asked.runs
        for kind, decoded in (("own", shown.runs[run].own), ("refined", shown.runs[run].refined))
        if decoded is not None
    ]
    return setting.pictures(
        split,
        [("original", shown.original), *rows],
        f"{OVER[split].capitalize()} reconstructed by the final models, from their own codes where "
        "they have any and from refined codes.",
        told=_errors(found),
    )


def _errors(found: Found) -> str:
    said = [
        f"{run} {show(found.of('train', run, 'squared_error').mean())}" for run in found.asked.runs
    ]
    return "mean squared error on training images as trained: " + ", ".join(said)
