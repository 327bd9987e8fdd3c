"""Figures and tables of samples from a prior and from fitted densities."""

from functools import partial

from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.questions.base import Setting
from tacit.questions.finding import Table
from tacit.questions.prior.numbers import (
    DRAWN,
    GAUSSIAN,
    MIXTURE,
    PRIOR,
    RECONSTRUCTIONS,
    Found,
)
from tacit.questions.shared.codes import table_of_codes
from tacit.questions.shared.sample_quality import TRAINING, on_features
from tacit.questions.shared.words import listed

DENSITIES = {PRIOR: "N(0, I)", GAUSSIAN: "Gaussian", MIXTURE: "mixture"}
SETS = {**DENSITIES, DRAWN: "own codes"}


def draw(compared: Found, setting: Setting) -> tuple[Figure, ...]:
    """Samples while the models learned and at the end, and their distances as far as measured."""
    return (*_by_epoch(compared, setting), *_at_the_end(compared, setting))


def _by_epoch(compared: Found, setting: Setting) -> tuple[Figure, ...]:
    """The same latent draws under an encoder's and an optimised decoder, side by side."""
    of = compared.first.run
    runs = [run for run in compared.models if of[run].epoch]
    if not runs:
        return ()
    rows = [
        (f"epoch {epoch} · {run}", of[run].epoch[epoch])
        for epoch in sorted(set().union(*(of[run].epoch for run in runs)), key=int)
        for run in runs
        if epoch in of[run].epoch
    ]
    return (
        setting.pictures(
            "samples-by-epoch",
            rows,
            f"Ten codes drawn from N(0, I), decoded by {listed(runs)} at each of these epochs: a "
            "column is one code throughout, the same for all models (seed "
            f"{compared.seeds.seed}).",
        ),
    )


def _at_the_end(compared: Found, setting: Setting) -> tuple[Figure, ...]:
    of = compared.first.run
    rows = [
        (f"{run} · {words}", of[run].shown[density])
        for run in compared.models
        for density, words in DENSITIES.items()
        if density in of[run].shown
    ]
    if not rows:
        return ()
    network = compared.quality.networks[0]
    return (
        setting.pictures(
            "samples",
            rows,
            "Samples of each model, its codes drawn from N(0, I), from a Gaussian and from a "
            "mixture fitted to the codes of training images (decoded means, seed "
            f"{compared.seeds.seed}).",
        ),
        setting.intervals(
            "distances",
            {
                words: {run: compared.distance(network, run, name) for run in compared.models}
                for name, words in SETS.items()
            },
            "How far each model's samples lie from test images, and what it decodes from its "
            "training images' own codes. The prior's cost is the way from the last mark of a "
            "model to its first.",
            x_label=f"kernel distance to test images, on {on_features(network)}",
            reference=(0.0, "alike"),
        ),
    )


def tables(compared: Found, setting: Setting) -> tuple[Table, ...]:
    """Distances on each network's features, and codes against N(0, I)."""
    distances = (_distances(compared, network) for network in compared.quality.networks)
    return (*distances, table_of_codes({run: compared.codes(run) for run in compared.models}))


def _distances(compared: Found, network: str) -> Table:
    floor = show(compared.quality.contrast(network, [TRAINING]))
    sets = {**SETS, RECONSTRUCTIONS: "reconstructions"}
    return Table.of(
        f"Kernel distance to test images on {on_features(network)}; of training images: {floor}",
        compared.models,
        {
            "model": str,
            **{
                words: partial(compared.distance, network, density=name)
                for name, words in sets.items()
            },
            "N(0, I) minus own codes": lambda r: compared.difference(network, r, PRIOR, DRAWN),
            "N(0, I) minus Gaussian": lambda r: compared.difference(network, r, PRIOR, GAUSSIAN),
        },
    )
