"""How the question `frozen-encoder` is decided, and how its answer is said."""

from collections.abc import Mapping, Sequence

from tacit.measures.formatting import brief, percent, show, significant
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.finding import Table
from tacit.questions.frozen_encoder.numbers import DECODERS, MEASURES, Kept
from tacit.questions.shared.words import listed
from tacit.questions.verdicts import Said, Verdict

DECIDED_BY = (
    "The share is (P - F) / (P - A) of mean squared errors on test images: A of the autoencoder, F "
    "of the decoder on the frozen encoder, P of the decoder on class probabilities. Each end, and "
    "zero for every difference, is told apart where the 95 % interval, over seeds and test images "
    "together, excludes it."
)

CAUTIONS = (
    "Silhouettes and Fisher ratios do not depend on a code's scale, but they do on its shape and "
    "width: between codes of different kinds they are compared as they are.",
    "Intervals of single classes are 95 % each: of twenty classes that do not differ, one is "
    "expected to seem to.",
)

SOURCES = (
    "P. J. Rousseeuw. Silhouettes: a graphical aid to the interpretation and validation of cluster "
    "analysis. Journal of Computational and Applied Mathematics 20, 1987",
    "R. A. Fisher. The use of multiple measurements in taxonomic problems. Annals of Eugenics "
    "7(2), 1936",
)

NOTABLE_FALL = 0.02
"""A test error that falls by more than this over the last fifth of training is still falling."""

MEASURE_NAMES = {
    "silhouette": "silhouette",
    "fisher": "Fisher ratio",
    "nearest-neighbour": "nearest-neighbour accuracy",
}

ROLE_NAMES = {
    "reference": "autoencoder",
    "frozen": "frozen encoder",
    "probabilities": "class probabilities",
}


def headline(kept: Kept) -> Said:
    """Whether the frozen code holds more of an image than class probabilities do."""
    share = kept.share()
    key, label = "share", "of the way from class probabilities to an autoencoder's code"
    if share.low is not None and share.low > 0:
        text = (
            f"The frozen code lies {brief(share)} of the way from class probabilities to an "
            "autoencoder's code."
        )
        return Said(Verdict.YES, text, key, label)
    if share.high is not None and share.high < 0:
        text = "The frozen code serves a decoder worse than the class probabilities alone."
        return Said(Verdict.NO, text, key, label)
    text = "Whether the frozen code holds more than class probabilities cannot be told."
    return Said(Verdict.CANNOT_TELL, text, key, label)


def words(kept: Kept) -> tuple[str, str, str]:
    """The answer, made from the numbers."""
    return place(kept), variety(kept), separation(kept)


def place(kept: Kept) -> str:
    """Where the frozen code lies between the two ends."""
    share = kept.share()
    errors = (
        "The squared error on test images is "
        f"{show(kept.error('reference'))} for the autoencoder, {show(kept.error('frozen'))} for a "
        f"decoder on the frozen encoder and {show(kept.error('probabilities'))} for one that sees "
        "the class probabilities alone"
    )
    by_class = kept.error("class_mean")
    if by_class.value is not None:
        errors += f"; the mean image of the right class is off by {significant(by_class.value)}"
    if share.value is None:
        return (
            "There is no telling where the frozen code lies between class probabilities and an "
            f"autoencoder's code: {share.interval.removeprefix('undefined: ')}. "
            f"{errors}.{unfinished(kept)}"
        )
    return (
        f"Measured by what a decoder makes of it, the classifier's frozen code lies {show(share)} "
        "of the way from its class probabilities to the autoencoder's code: "
        f"{meaning(share)}. {errors}.{unfinished(kept)}"
    )


def unfinished(kept: Kept) -> str:
    """Which of the decoders were still learning when training ended."""
    falls = {role: kept.still_falling(role) for role in DECODERS}
    notable = [
        f"{percent(fall)} ({ROLE_NAMES[role]})"
        for role, fall in falls.items()
        if fall > NOTABLE_FALL
    ]
    if not notable:
        return ""
    return (
        " More training may change that: over its last fifth the test error still fell by "
        f"{listed(notable)}."
    )


def meaning(share: Number) -> str:
    """What the share says, told apart from its ends where the interval allows."""
    if share.low is None or share.high is None:
        return "without an interval it is not told apart from either end"
    if share.low > 1:
        return "it serves a decoder better than the autoencoder's own code"
    if share.high < 0:
        return "it serves a decoder worse than the class probabilities alone"
    from_probabilities, from_autoencoder = share.low > 0, share.high < 1
    if from_probabilities and from_autoencoder:
        return "it is more than the class probabilities, and less than the autoencoder's code"
    if from_probabilities:
        return "more than the class probabilities, not distinguishable from the autoencoder's code"
    if from_autoencoder:
        return "not distinguishable from the class probabilities alone"
    return "not distinguishable from either end"


def variety(kept: Kept) -> str:
    """How much of the variety within a class is left in the outputs."""
    frozen, reference = kept.variability("frozen"), kept.variability("reference")
    if frozen.value is None or reference.value is None:
        reason = (frozen if frozen.value is None else reference).interval
        return f"Variability within classes is {reason}."
    verdict = decide(kept.variability_difference("frozen", "reference"))
    per_class = [
        decide(kept.variability_difference("frozen", "reference", c)) for c in kept.classes
    ]
    compared = {
        "lower": "less than the autoencoder's",
        "higher": "more than the autoencoder's",
        "not distinguishable": "not distinguishable from the autoencoder's",
    }.get(verdict, "against the autoencoder's")
    sentence = (
        f"Within a class, outputs from the frozen code vary {show(frozen)} as much as the "
        f"originals do, {compared} {show(reference)}"
    )
    if verdict in ("lower", "higher"):
        agree = per_class.count(verdict)
        sentence += f", and so in {agree} of {len(per_class)} classes taken singly"
    alone = kept.variability("probabilities")
    return f"{sentence}; those from class probabilities {show(alone)}."


SAID = {
    "higher": "lie further apart by",
    "lower": "lie closer together by",
    "not distinguishable": "are not distinguishable by",
    "undefined": "have no interval by",
}


def separation(kept: Kept) -> str:
    """Whether classes lie further apart with the frozen encoder than with the autoencoder."""
    codes, outputs = apart(kept, "code"), apart(kept, "output")
    if not (codes and outputs):
        return "Separation is undefined: too few images or no spread."
    return (
        f"Compared with the autoencoder, classes in the codes {codes}; "
        f"in the outputs they {outputs}."
    )


def apart(kept: Kept, what: str) -> str:
    """How classes lie in codes or outputs, measure by measure; empty where all are undefined."""
    found: dict[str, list[str]] = {}
    for measure in MEASURES:
        frozen = kept.separation(f"frozen-{what}", measure)
        reference = kept.separation(f"reference-{what}", measure)
        difference = kept.separation_difference(f"frozen-{what}", f"reference-{what}", measure)
        name = MEASURE_NAMES[measure]
        if frozen.value is not None and reference.value is not None:
            name += f" ({short(frozen)} against {short(reference)})"
        found.setdefault(decide(difference), []).append(name)
    if set(found) == {"undefined"}:
        return ""
    parts = [
        f"{said} {listed(found[verdict])}" for verdict, said in SAID.items() if verdict in found
    ]
    return ", and ".join(parts)


def short(number: Number) -> str:
    """A value without its interval."""
    assert number.value is not None
    if number.unit == "accuracy":
        return percent(number.value)
    return significant(number.value, 2)


def caveats(
    kept: Kept, decoders: Mapping[str, str], classifier: str, setting: Setting
) -> tuple[str, ...]:
    """What these numbers in particular do not say, and what such numbers never say."""
    found = []
    for role in ("frozen", "probabilities"):
        if not all(one.decoder[role].of_the_classifier for one in kept.seeds):
            found.append(
                f"The encoder of '{decoders[role]}' is not that of '{classifier}' to the bit: it "
                "was trained further, or comes from elsewhere."
            )
    of, missing = len(setting.class_names), len(setting.class_names) - len(kept.classes)
    if missing:
        found.append(
            f"{missing} of {of} classes {'has' if missing == 1 else 'have'} fewer than two test "
            f"images to compare, and {'is' if missing == 1 else 'are'} left out of variability and "
            "separation."
        )
    return (*found, *CAUTIONS)


def tables(kept: Kept, decoders: Mapping[str, str], setting: Setting) -> tuple[Table, ...]:
    """Errors, separations, and differences by class."""
    return _errors(kept, decoders), _separations(kept), _classes(kept, setting.class_names)


def _errors(kept: Kept, decoders: Mapping[str, str]) -> Table:
    rows: list[tuple[str | Number | None, ...]] = [
        (
            f"{ROLE_NAMES[role]} ({decoders[role]})",
            kept.error(role),
            kept.train_error(role),
        )
        for role in DECODERS
    ]
    rows.append(("mean training image of the right class", kept.error("class_mean"), None))
    return Table(
        "Squared error per image, after the last epoch",
        ("decoder of", "test images", "training images"),
        tuple(rows),
    )


def _separations(kept: Kept) -> Table:
    kinds = {"originals": "originals"}
    for role in DECODERS:
        for what in ("code", "output"):
            kinds[f"{role}-{what}"] = f"{ROLE_NAMES[role]}: {what}s"
    return Table(
        "Separation between classes on test images",
        ("of", *(MEASURE_NAMES[measure] for measure in MEASURES)),
        tuple(
            (name, *(kept.separation(kind, measure) for measure in MEASURES))
            for kind, name in kinds.items()
        ),
    )


def _classes(kept: Kept, names: Sequence[str]) -> Table:
    def row(c: int) -> tuple[str | Number, ...]:
        return (
            names[c],
            kept.variability_difference("frozen", "reference", c),
            *(
                kept.separation_difference(f"frozen-{what}", f"reference-{what}", measure, c)
                for what in ("code", "output")
                for measure in MEASURES
            ),
        )

    return Table(
        "By class: frozen encoder minus autoencoder, paired over the same test images",
        (
            "class",
            "variability of outputs",
            *(f"{MEASURE_NAMES[m]}, {what}s" for what in ("code", "output") for m in MEASURES),
        ),
        tuple(row(c) for c in kept.classes),
    )
