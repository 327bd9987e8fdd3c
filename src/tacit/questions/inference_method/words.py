"""Which way infers better codes, in words: unfinished, worse, or neither."""

import numpy as np

from tacit.measures.formatting import show, significant
from tacit.measures.intervals import decide
from tacit.questions.inference_method.numbers import Inferred
from tacit.questions.shared.wider import magnitude


def rule(found: Inferred) -> str:
    """How the numbers decide."""
    both = "both over images and over seeds" if found.n_seeds > 1 else "over images"
    return (
        "As trained, a method is better where the 95 % interval of the paired difference of ELBO "
        f"on training images excludes zero {both}. What refining a run's codes against its own "
        "decoder adds was not finished; what remains between two decoders on test images, both "
        "refined alike, is the decoder's doing."
    )


def sentences(found: Inferred) -> str:
    """The answer in words."""
    said = [_opening(found), *(_of_run(found, run) for run in found.per_image)]
    said.append(_of_encoder(found))
    return " ".join(said)


def _opening(found: Inferred) -> str:
    verdicts = {run: decide(found.encoder_minus_own(run)) for run in found.per_image}
    epochs = found.value(found.amortized, "epochs")
    start = f"After {significant(epochs)} epochs"
    better = [run for run, verdict in verdicts.items() if verdict == "lower"]
    worse = [run for run, verdict in verdicts.items() if verdict == "higher"]
    if len(worse) == len(verdicts):
        return f"{start} the shared encoder's codes are better than every image's own."
    if len(better) == len(verdicts):
        return f"{start} every image's own codes are better than the shared encoder's."
    if better and worse:
        return (
            f"{start} it depends on how own codes are optimised: "
            f"{_listed(better)} {'has' if len(better) == 1 else 'have'} better codes than the "
            f"shared encoder, {_listed(worse)} worse ones."
        )
    if better or worse:
        which, how = (better, "better") if better else (worse, "worse")
        return (
            f"{start} {_listed(which)} {'has' if len(which) == 1 else 'have'} {how} codes than "
            "the shared encoder; the others are not distinguishable from it."
        )
    return f"{start} own codes and the shared encoder's are not distinguishable."


def _listed(names: list[str]) -> str:
    """
    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ("'a'", "'a', 'b' and 'c'")
    """
    quoted = [f"'{name}'" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def _of_run(found: Inferred, run: str) -> str:
    own, unfinished = found.encoder_minus_own(run), found.unfinished(run)
    decoder, error = found.decoder(run, "test"), found.encoder_minus_own(run, "squared_error")
    against = {
        "higher": f"ends {magnitude(own)} below the encoder on training images",
        "lower": f"ends {magnitude(own)} above the encoder on training images",
    }.get(
        decide(own),
        f"is not distinguishable from the encoder on training images (difference {show(own)})",
    )
    if decide(own) == "higher" == decide(error):
        against += ", though its codes reconstruct with the smaller squared error"
    elif decide(own) == "lower" == decide(error):
        against += ", though its codes reconstruct with the larger squared error"
    arrived = {
        "higher": f"refining adds {magnitude(unfinished)} that its codes had not finished",
        "lower": f"its codes are better than refined ones by {magnitude(unfinished)}",
    }.get(decide(unfinished), f"refining adds nothing that shows ({show(unfinished)})")
    trained_on = ", trained on unfinished codes," if decide(unfinished) == "higher" else ""
    left = {
        "higher": f"its decoder{trained_on} stays worse by {magnitude(decoder)} on test images",
        "lower": f"its decoder is the better one by {magnitude(decoder)} on test images",
    }.get(
        decide(decoder),
        f"the two decoders are not distinguishable on test images (difference {show(decoder)})",
    )
    return f"'{run}' ({found.described(run)}) {against}; {arrived}; all refined alike, {left}."


def _of_encoder(found: Inferred) -> str:
    train, test = found.missed("train"), found.missed("test")
    if decide(train) == decide(test) == "higher":
        steps = np.median(found.refinements("steps"))
        return (
            f"On the encoder's own decoder, optimising each image ({steps:.0f} "
            f"gradients) beats the encoder by {show(train)} on training and {show(test)} on test "
            "images: given the time, an image's own optimisation infers the better code; the "
            "encoder needs one pass."
        )
    return (
        "On the encoder's own decoder, what optimising each image adds to the "
        f"encoder's code is {show(train, sign=True)} on training and {show(test, sign=True)} on "
        "test images."
    )
