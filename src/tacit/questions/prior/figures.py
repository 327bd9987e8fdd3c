"""Figures and tables of samples from a prior and from fitted densities."""

from tacit.figures.charts import intervals
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.finding import Table
from tacit.questions.prior.numbers import (
    DRAWN,
    GAUSSIAN,
    MIXTURE,
    PRIOR,
    RECONSTRUCTIONS,
    Compared,
)
from tacit.questions.shared.codes import counted, epochs_of, of_codes
from tacit.questions.shared.sample_quality import TRAINING, contrast, on_features
from tacit.questions.shared.words import listed

DENSITIES = {PRIOR: "N(0, I)", GAUSSIAN: "Gaussian", MIXTURE: "mixture"}
SETS = {**DENSITIES, DRAWN: "own codes"}


def draw(compared: Compared, setting: Setting) -> tuple[Figure, ...]:
    """Samples while the models learned and at the end, and their distances as far as measured."""
    return (*_by_epoch(compared, setting), *_at_the_end(compared, setting))


def _by_epoch(compared: Compared, setting: Setting) -> tuple[Figure, ...]:
    """The same latent draws under an encoder's and an optimised decoder, side by side."""
    seed, first = next(iter(compared.measured.items()))
    kept = {run: epochs_of(first.arrays, f"shown/{run}") for run in compared.models}
    runs = [run for run, epochs in kept.items() if epochs]
    if not runs:
        return ()
    rows = {
        f"epoch {epoch} · {run}": first.arrays[f"shown/{run}/epoch/{epoch}"]
        for epoch in sorted(set().union(*kept.values()))
        for run in runs
        if epoch in kept[run]
    }
    return (
        setting.grid(
            "samples-by-epoch",
            grid([list(pictures) for pictures in rows.values()], row_labels=list(rows)),
            f"Ten codes drawn from N(0, I), decoded by {listed(runs)} at each of these epochs: a "
            f"column is one code throughout, the same for all models (seed {seed}).",
            f"Decoded means of the same ten draws from N(0, I): {', '.join(rows)}.",
        ),
    )


def _at_the_end(compared: Compared, setting: Setting) -> tuple[Figure, ...]:
    seed, first = next(iter(compared.measured.items()))
    rows = {
        f"{run} · {named}": first.arrays[f"shown/{run}/{density}"]
        for run in compared.models
        for density, named in DENSITIES.items()
        if f"shown/{run}/{density}" in first.arrays
    }
    if not rows:
        return ()
    network = compared.networks[0]
    distances = {
        named: [compared.distance(network, run, name) for run in compared.models]
        for name, named in SETS.items()
    }
    said = "; ".join(
        f"'{run}': " + ", ".join(f"{named} {show(d[place])}" for named, d in distances.items())
        for place, run in enumerate(compared.models)
    )
    return (
        setting.grid(
            "samples",
            grid([list(pictures) for pictures in rows.values()], row_labels=list(rows)),
            "Samples of each model, its codes drawn from N(0, I), from a Gaussian and from a "
            f"mixture fitted to the codes of training images (decoded means, seed {seed}).",
            f"Ten samples each of {', '.join(compared.models)}, from N(0, I), a fitted Gaussian "
            "and a fitted mixture.",
        ),
        setting.chart(
            "distances",
            intervals(
                compared.models,
                distances,
                x_label=f"kernel distance to test images, on {on_features(network)}",
                reference=0.0,
                reference_label="alike",
            ),
            "How far each model's samples lie from test images, and what it decodes from its "
            "training images' own codes. The prior's cost is the way from the last mark of a "
            "model to its first.",
            f"Kernel distances to test images on {on_features(network)}: {said}.",
        ),
    )


def tables(compared: Compared) -> tuple[Table, ...]:
    """Distances on each network's features, and codes against N(0, I)."""
    return (*(_distances(compared, network) for network in compared.networks), _codes(compared))


def _distances(compared: Compared, network: str) -> Table:
    floor = show(contrast(compared.measured, network, [TRAINING]))
    return Table(
        f"Kernel distance to test images on {on_features(network)}; of training images: {floor}",
        (
            "model",
            *SETS.values(),
            "reconstructions",
            "N(0, I) minus own codes",
            "N(0, I) minus Gaussian",
        ),
        tuple(
            (
                run,
                *(compared.distance(network, run, name) for name in SETS),
                compared.distance(network, run, RECONSTRUCTIONS),
                compared.difference(network, run, PRIOR, DRAWN),
                compared.difference(network, run, PRIOR, GAUSSIAN),
            )
            for run in compared.models
        ),
    )


def _codes(compared: Compared) -> Table:
    measured = compared.measured

    def row(run: str) -> tuple[str | Number | None, ...]:
        prefix = f"codes/{run}/"
        has_density = all(f"{prefix}kl" in m.values for m in measured.values())
        names = ("kl", "information", "marginal-kl")
        return (
            run,
            *(of_codes(measured, name, prefix=prefix) if has_density else None for name in names),
            counted(measured, f"{prefix}marginal-kl-null", unit="nats") if has_density else None,
            counted(measured, f"{prefix}one-dimension-kl", unit="nats"),
            of_codes(measured, "mmd", prefix=prefix, unit=""),
            counted(measured, f"{prefix}mmd-null"),
            counted(measured, f"{prefix}active-units"),
            counted(measured, f"{prefix}active-at-start"),
        )

    return Table(
        "Codes against N(0, I): an image's KL, its split into mutual information and the distance "
        "of all codes together, and how many units are active now and were at the start",
        (
            "model",
            "KL of a code",
            "mutual information, at least",
            "KL of all codes, at most",
            "what N(0, I) leaves of it",
            "one dimension each",
            "MMD²",
            "97.5 % of its null",
            "active units",
            "at the start",
        ),
        tuple(row(run) for run in compared.models),
    )
