"""The figures of the question `frozen-encoder`."""

from collections.abc import Sequence

import numpy as np

from tacit.figures.charts import Panel, Series, curves, intervals
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.formatting import percent, show, significant
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.frozen_encoder.numbers import DECODERS, Kept, Shown
from tacit.questions.frozen_encoder.words import ROLE_NAMES

CLASSES_DRAWN = 30
"""At most so many classes are rows of a chart; tables hold all."""

ROWS = {"originals": "originals", **ROLE_NAMES}


def draw(kept: Kept, setting: Setting) -> tuple[Figure, ...]:
    """All figures, in reading order."""
    shown, names = kept.seeds.first.shown, setting.class_names
    if shown is None:
        return (_loss(kept, setting),)
    return (
        _outputs(kept, shown, setting),
        _one_class(kept, shown, setting),
        _loss(kept, setting),
        _shares(kept, setting, names),
        _variability(kept, setting, names),
        _separation(kept, setting, names),
    )


def _outputs(kept: Kept, shown: Shown, setting: Setting) -> Figure:
    png = grid(
        [list(shown.each[row]) for row in ROWS],
        row_labels=list(ROWS.values()),
        column_labels=[setting.class_names[c] for c in shown.classes],
    )
    return setting.grid(
        "outputs",
        png,
        f"A test image of each class{_of(kept)}, and what each decoder makes of it: from the "
        "autoencoder's own code, from the classifier's frozen code, and from the class "
        "probabilities alone.",
        "Four rows of one test image per class: originals, then the outputs of the autoencoder "
        f"(squared error {_error(kept, 'reference')} per image), of the decoder on the frozen "
        f"encoder ({_error(kept, 'frozen')}) and on class probabilities "
        f"({_error(kept, 'probabilities')}).",
    )


def _one_class(kept: Kept, shown: Shown, setting: Setting) -> Figure:
    varied, named = shown.varied, setting.class_names[shown.varied]
    png = grid([list(shown.of_one[row]) for row in ROWS], row_labels=list(ROWS.values()))
    order = sorted(DECODERS, key=lambda role: -(kept.variability(role, varied).value or 0.0))
    most = ", ".join(ROLE_NAMES[role] for role in order)
    return setting.grid(
        "one-class",
        png,
        f"Several test images of class {named}, whose originals vary most: is what sets "
        f"them apart still there in the outputs{_of(kept)}?",
        f"Four rows of test images of class {named}: originals and the outputs of the three "
        f"decoders. Outputs vary within the class from most to least: {most}.",
    )


def _loss(kept: Kept, setting: Setting) -> Figure:
    series = []
    for colour, role in enumerate(DECODERS):
        for split in ("train", "test"):
            found = [one.decoder[role].curves[split] for one in kept.seeds]
            if not found[0].shape[1]:
                continue
            series.append(
                Series(
                    ROLE_NAMES[role] + (", test" if split == "test" else ""),
                    found[0][0],
                    np.mean([means for _, means in found], axis=0),
                    colour=colour,
                    split=split,
                )
            )
    errors = ", ".join(f"{ROLE_NAMES[role]} {_error(kept, role)}" for role in DECODERS)
    over = f", mean of {len(kept.seeds)} seeds" if len(kept.seeds) > 1 else ""
    return setting.chart(
        "loss",
        curves(Panel(series, "epoch", f"squared error per image{over}", log_y=True)),
        "The loss of the three decoders while they learned, on training images (solid) and test "
        "images (dashed). Nothing is chosen from these curves; the last epoch counts.",
        f"Curves of the squared error per image by epoch; on test images they end at: {errors}.",
    )


def _shares(kept: Kept, setting: Setting, names: Sequence[str]) -> Figure:
    drawn = kept.classes[:CLASSES_DRAWN]
    rows = [kept.share(), *(kept.share(c) for c in drawn)]
    return setting.chart(
        "share",
        intervals(
            ["all images", *(names[c] for c in drawn)],
            {"": rows},
            x_label="share of the way, 0 = class probabilities, 1 = autoencoder",
            reference=0.0,
            reference_label="probabilities alone",
        ),
        "Where the frozen code lies between the class probabilities (0) and the autoencoder's code "
        f"(1), by squared error on test images{_cut(kept)}.",
        f"The share with its interval: all images {show(rows[0])}; "
        f"{_extremes(rows[1:], names, drawn)}.",
    )


def _variability(kept: Kept, setting: Setting, names: Sequence[str]) -> Figure:
    drawn = kept.classes[:CLASSES_DRAWN]
    groups = {
        ROLE_NAMES[role]: [kept.variability(role), *(kept.variability(role, c) for c in drawn)]
        for role in DECODERS
    }
    alone = "; ".join(f"{name} {show(rows[0])}" for name, rows in groups.items())
    return setting.chart(
        "variability",
        intervals(
            ["all images", *(names[c] for c in drawn)],
            groups,
            x_label="variance within the class, as a share of the originals' own",
            reference=1.0,
            reference_label="as the originals",
        ),
        "How much of the variety within a class is left in the outputs: 1 is as varied as the "
        f"originals, 0 is one picture for the whole class{_cut(kept)}.",
        f"Variance within classes as a share of the originals', all images: {alone}.",
    )


def _separation(kept: Kept, setting: Setting, names: Sequence[str]) -> Figure:
    drawn = kept.classes[:CLASSES_DRAWN]
    groups = {}
    for what in ("code", "output"):
        pair = (f"frozen-{what}", f"reference-{what}", "silhouette")
        groups[f"{what}s"] = [
            kept.separation_difference(*pair),
            *(kept.separation_difference(*pair, c) for c in drawn),
        ]
    alone = "; ".join(f"{name} {show(rows[0], sign=True)}" for name, rows in groups.items())
    return setting.chart(
        "separation",
        intervals(
            ["all images", *(names[c] for c in drawn)],
            groups,
            x_label="silhouette: frozen encoder minus autoencoder, same test images",
            reference=0.0,
            reference_label="no difference",
        ),
        "Whether classes lie further apart with the frozen encoder (right of zero) than with the "
        f"autoencoder, in codes and in outputs{_cut(kept)}. The table has the other measures.",
        f"Paired differences of the silhouette, all images: {alone}.",
    )


def _error(kept: Kept, role: str) -> str:
    value = kept.error(role).value
    return "undefined" if value is None else significant(value)


def _of(kept: Kept) -> str:
    """Whose pictures are shown where there are several seeds."""
    return f" (seed {kept.seeds.seed})" if len(kept.seeds) > 1 else ""


def _cut(kept: Kept) -> str:
    more = len(kept.classes) - CLASSES_DRAWN
    return f"; the first {CLASSES_DRAWN} classes are drawn" if more > 0 else ""


def _extremes(rows: Sequence[Number], names: Sequence[str], classes: Sequence[int]) -> str:
    """The lowest and the highest class, in words."""
    known = [
        (row.value, names[c]) for row, c in zip(rows, classes, strict=True) if row.value is not None
    ]
    if not known:
        return "undefined in every class"
    (low, lowest), (high, highest) = min(known), max(known)
    return f"lowest for {lowest} ({percent(low)}), highest for {highest} ({percent(high)})"
