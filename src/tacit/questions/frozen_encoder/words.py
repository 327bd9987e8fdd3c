"""How the question `frozen-encoder` is decided, and how its answer is said."""

from collections.abc import Iterator
from functools import partial

from tacit.measures.formatting import brief
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.finding import Row, Table
from tacit.questions.frozen_encoder.numbers import MEASURES, Found
from tacit.questions.frozen_encoder.question import DECODERS
from tacit.questions.shared.words import left_out, listed, verdict
from tacit.questions.verdicts import Said, Verdict

DECIDED_BY = (
    "The share is (P - F) / (P - A) of mean squared errors on test images: A of the autoencoder, F "
    "of the decoder on the frozen encoder, P of the decoder on class probabilities. Each end, and "
    "zero for every difference, is told apart where the 95 % interval, over seeds and test images "
    "together, excludes it."
)

CAVEATS = (
    "Silhouettes and Fisher ratios do not depend on a code's scale, but they do on its shape and "
    "width: between codes of different kinds they are compared as they are.",
    "Intervals of single classes are 95 % each: of twenty classes that do not differ, one is "
    "expected to seem to.",
)

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


def headline(kept: Found) -> Said:
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


def sentences(kept: Found) -> Iterator[str]:
    """Between which ends the code lies, and what becomes of variety and separation."""
    yield meaning(kept.share())
    yield variety(kept)
    codes, outputs = apart(kept, "code"), apart(kept, "output")
    if codes and outputs:
        yield f"Classes in its codes {codes} than in the autoencoder's; its outputs {outputs}."
    else:
        yield "Separation is undefined: too few images or no spread."


def meaning(share: Number) -> str:
    """What the share says, told apart from its ends where the interval allows."""
    if share.value is None:
        return f"Where the frozen code lies is {share.interval}."
    if share.low is None or share.high is None:
        return "Without an interval it is not told apart from either end."
    if share.low > 1:
        return "It serves a decoder better than the autoencoder's own code."
    if share.high < 0:
        return "It serves a decoder worse than the class probabilities alone."
    from_probabilities, from_autoencoder = share.low > 0, share.high < 1
    if from_probabilities and from_autoencoder:
        return "It is more than the class probabilities, and less than the autoencoder's code."
    if from_probabilities:
        return "It is not distinguishable from the autoencoder's code."
    if from_autoencoder:
        return "It is not distinguishable from the class probabilities alone."
    return "It is not distinguishable from either end."


def variety(kept: Found) -> str:
    """How much of the variety within a class is left in the outputs."""
    difference = kept.variability_difference()
    if difference.value is None:
        return f"Variability within classes is {difference.interval}."
    classes = kept.classes
    decided = decide(difference)
    agree = [decide(kept.variability_difference(c)) for c in classes]
    singly = f"and so in {agree.count(decided)} of {len(classes)} classes taken singly"
    return verdict(
        difference,
        higher=f"Within a class, its outputs vary more than the autoencoder's by {{}}, {singly}.",
        lower=f"Within a class, its outputs vary less than the autoencoder's by {{}}, {singly}.",
        alike="Within a class, how much its outputs vary is not distinguishable from the "
        "autoencoder's ({}).",
    )


SAID = {
    "higher": "lie further apart by",
    "lower": "lie closer together by",
    "not distinguishable": "are not distinguishable by",
    "undefined": "have no interval by",
}


def apart(kept: Found, what: str) -> str:
    """How classes lie in codes or outputs, measure by measure; empty where all are undefined."""
    found: dict[str, list[str]] = {}
    for measure in MEASURES:
        difference = kept.separation_difference(what, measure)
        found.setdefault(decide(difference), []).append(MEASURE_NAMES[measure])
    if set(found) == {"undefined"}:
        return ""
    return ", and ".join(f"{said} {listed(found[v])}" for v, said in SAID.items() if v in found)


def caveats(kept: Found) -> tuple[str, ...]:
    """What these numbers in particular do not say, and what such numbers never say."""
    found = []
    for role in ("frozen", "probabilities"):
        if not all(one.decoder[role].of_the_classifier for one in kept.seeds):
            found.append(
                f"The encoder of '{kept.asked.decoders[role]}' is not that of "
                f"'{kept.asked.classifier}' to the bit: it was trained further, or comes from "
                "elsewhere."
            )
    few = left_out(len(kept.setting.class_names), len(kept.classes), "test images to compare")
    return (*found, few, *CAVEATS)


def tables(kept: Found) -> tuple[Table, ...]:
    """Errors, separations, and differences by class."""
    return _errors(kept), _separations(kept), _classes(kept)


def _errors(kept: Found) -> Table:
    rows: list[Row] = [
        (
            f"{ROLE_NAMES[role]} ({kept.asked.decoders[role]})",
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


def _separations(kept: Found) -> Table:
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


def _classes(kept: Found) -> Table:
    return Table.of(
        "By class: frozen encoder minus autoencoder, paired over the same test images",
        kept.classes,
        {
            "class": kept.setting.class_names.__getitem__,
            "variability of outputs": kept.variability_difference,
            **{
                f"{MEASURE_NAMES[m]}, {w}s": partial(kept.separation_difference, w, m)
                for w in ("code", "output")
                for m in MEASURES
            },
        },
    )
