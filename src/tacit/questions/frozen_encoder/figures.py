"""The figures of the question `frozen-encoder`."""

from collections.abc import Callable
from functools import partial

import numpy as np

from tacit.figures.charts import Panel, Series
from tacit.figures.sink import Figure
from tacit.measures.formatting import significant
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.frozen_encoder.numbers import Found, Shown
from tacit.questions.frozen_encoder.question import DECODERS
from tacit.questions.frozen_encoder.words import ROLE_NAMES

CLASSES_DRAWN = 30
"""At most so many classes are rows of a chart; tables hold all."""

ROWS = {"originals": "originals", **ROLE_NAMES}


def draw(kept: Found, setting: Setting) -> tuple[Figure, ...]:
    if (shown := kept.first.shown) is None:
        return (_loss(kept, setting),)
    return (
        _outputs(kept, shown, setting),
        _one_class(kept, shown, setting),
        _loss(kept, setting),
        _shares(kept, setting),
        _variability(kept, setting),
        _separation(kept, setting),
    )


def _outputs(kept: Found, shown: Shown, setting: Setting) -> Figure:
    errors = {role: kept.error(role).value for role in DECODERS}
    told = ", ".join(
        f"{significant(error)} by {ROLE_NAMES[role]}"
        for role, error in errors.items()
        if error is not None
    )
    return setting.pictures(
        "outputs",
        [(label, shown.each[row]) for row, label in ROWS.items()],
        f"A test image of each class{_of(kept)}, and what each decoder makes of it: from the "
        "autoencoder's own code, from the classifier's frozen code, and from the class "
        "probabilities alone.",
        columns=[setting.class_names[c] for c in shown.classes],
        told=f"squared errors per image {told}",
    )


def _one_class(kept: Found, shown: Shown, setting: Setting) -> Figure:
    order = sorted(DECODERS, key=lambda role: -(kept.variability(role, shown.varied).value or 0.0))
    return setting.pictures(
        "one-class",
        [(label, shown.of_one[row]) for row, label in ROWS.items()],
        f"Several test images of class {setting.class_names[shown.varied]}, whose originals vary "
        f"most: is what sets them apart still there in the outputs{_of(kept)}?",
        told="outputs vary from most to least: " + ", ".join(ROLE_NAMES[role] for role in order),
    )


def _loss(kept: Found, setting: Setting) -> Figure:
    series = []
    for colour, role in enumerate(DECODERS):
        for split in ("train", "test"):
            curves = [one.decoder[role].curves[split] for one in kept.seeds]
            if curves[0].shape[1]:
                epochs, loss = np.mean(curves, axis=0)
                label = ROLE_NAMES[role] + (", test" if split == "test" else "")
                series.append(Series(label, epochs, loss, colour=colour, split=split))
    over = f", mean of {len(kept.seeds)} seeds" if len(kept.seeds) > 1 else ""
    return setting.curves(
        "loss",
        [Panel(series, "epoch", f"squared error per image{over}", log_y=True)],
        "The loss of the three decoders while they learned, on training images (solid) and test "
        "images (dashed). Nothing is chosen from these curves; the last epoch counts.",
    )


def _shares(kept: Found, setting: Setting) -> Figure:
    return setting.intervals(
        "share",
        {"": _rows(kept, setting, kept.share)},
        "Where the frozen code lies between the class probabilities (0) and the autoencoder's code "
        f"(1), by squared error on test images{_cut(kept)}.",
        x_label="share of the way, 0 = class probabilities, 1 = autoencoder",
        reference=(0.0, "probabilities alone"),
    )


def _variability(kept: Found, setting: Setting) -> Figure:
    return setting.intervals(
        "variability",
        {ROLE_NAMES[r]: _rows(kept, setting, partial(kept.variability, r)) for r in DECODERS},
        "How much of the variety within a class is left in the outputs: 1 is as varied as the "
        f"originals, 0 is one picture for the whole class{_cut(kept)}.",
        x_label="variance within the class, as a share of the originals' own",
        reference=(1.0, "as the originals"),
    )


def _separation(kept: Found, setting: Setting) -> Figure:
    difference = {
        f"{what}s": partial(kept.separation_difference, what, "silhouette")
        for what in ("code", "output")
    }
    return setting.intervals(
        "separation",
        {name: _rows(kept, setting, of) for name, of in difference.items()},
        "Whether classes lie further apart with the frozen encoder (right of zero) than with the "
        f"autoencoder, in codes and in outputs{_cut(kept)}. The table has the other measures.",
        x_label="silhouette: frozen encoder minus autoencoder, same test images",
        reference=(0.0, "no difference"),
    )


def _rows(kept: Found, setting: Setting, number: Callable[..., Number]) -> dict[str, Number]:
    """Of all images, and of each class that is drawn."""
    drawn = kept.classes[:CLASSES_DRAWN]
    each = {setting.class_names[c]: number(of_class=c) for c in drawn}
    return {"all images": number(), **each}


def _of(kept: Found) -> str:
    """Whose pictures are shown where there are several seeds."""
    return f" (seed {kept.seeds.seed})" if len(kept.seeds) > 1 else ""


def _cut(kept: Found) -> str:
    more = len(kept.classes) - CLASSES_DRAWN
    return f"; the first {CLASSES_DRAWN} classes are drawn" if more > 0 else ""
