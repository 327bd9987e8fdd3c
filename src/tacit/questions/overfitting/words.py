"""The answer of question `overfitting` in words."""

from collections.abc import Iterator

import numpy as np

from tacit.questions.finding import Table
from tacit.questions.overfitting.numbers import (
    BETTER,
    OVERFITTED,
    UNDECIDED,
    UNFINISHED,
    Found,
    Judged,
)
from tacit.questions.shared.words import listed
from tacit.questions.verdicts import Said, Verdict, had_not

NAMED = 4
"""At most so many models are named in the headline."""

DECIDED_BY = (
    "The gap is the mean loss per test image minus that per training image, after the last update "
    "and in evaluation mode: its 95 % interval is over all seeds, draws and images together, with "
    "training and test images as two samples. A run is called overfitted where the gap's interval "
    "lies above zero and the test loss has also risen since its lowest snapshot: that interval is "
    "widened to hold for all snapshots together, so that the choice of the lowest does not count. "
    "With a gap alone, it fits its training images better, as every model that learns does in some "
    "measure. Of a run whose training had not finished no more is said than that it is overfitted, "
    "where it is. Nothing else is chosen from a test curve: every other number is of the last "
    "update."
)


def headline(of: Found) -> Said:
    """Which models are overfitted.

    The key is how much the test loss of the worst of them rose; of models without a gap, which
    cannot be overfitted whatever their test loss did, it is the largest gap. A model that is
    overfitted before its training has finished is so all the same; that another is not, only a
    finished training can show.
    """
    judged = of.runs
    found = [one for one in judged if one.verdict == OVERFITTED]
    left = [one.name for one in judged if one.verdict == UNFINISHED]
    told = found or [one for one in judged if one.verdict != UNFINISHED] or judged
    fitted = [one for one in told if one.verdict in (OVERFITTED, BETTER)]
    worst = max(fitted or told, key=lambda one: (one.rise if fitted else one.gap).value or 0.0)
    key, label = f"{worst.name}.gap", f"test minus training loss of {worst.name}"
    if fitted:
        key = f"{worst.name}.rise"
        label = f"rise of the test loss of {worst.name} since its lowest snapshot"
    runs = tuple(one.name for one in told)
    if found:
        names = listed(runs)
        if len(found) > NAMED:
            names = f"{len(found)} of {len(judged)} models"
        are = "is" if len(found) == 1 else "are"
        text = f"Overfitted {are} {names}: the test loss rose again while training went on."
        return Said(Verdict.YES, text, key, label, ())
    if any(one.verdict == UNDECIDED for one in told):
        text = "Whether any of the models is overfitted cannot be told from these images."
        return Said(Verdict.CANNOT_TELL, text, key, label, runs)
    text = "No model is overfitted: none has both a gap and a test loss that rose again."
    if left and len(left) < len(judged):
        text = f"No model that finished is overfitted{had_not(left)}."
    elif any(one.verdict == BETTER for one in told):
        text = "No model is overfitted: training images fit better, but no test loss rose again."
    return Said(Verdict.NO, text, key, label, runs)


def sentences(of: Found) -> Iterator[str]:
    """Where the test loss of each run turned."""
    return map(_turned, of.runs)


def _turned(one: Judged) -> str:
    if one.turned.value is None:
        return ""
    when = one.of.curves.when(one.turned.value)
    if one.turned.low is not None and one.turned.high is not None:
        when += f" (between updates {one.turned.low:,.0f} and {one.turned.high:,.0f})"
    return f"The test loss of {one.name} was lowest at {when}."


def table(of: Found) -> Table:
    """Losses and verdicts by run."""
    return Table.of(
        "Loss per image after the last update",
        of.runs,
        {
            "run": lambda one: one.name,
            "loss": lambda one: one.of.loss,
            "training": lambda one: one.final["train"],
            "test": lambda one: one.final["test"],
            "gap": lambda one: one.gap,
            "rise since lowest": lambda one: one.rise,
            "verdict": lambda one: one.verdict,
        },
    )


def caveats(of: Found) -> list[str]:
    """What a reader must know of runs without an encoder, and of few draws."""
    said, judged = [], of.runs
    refined = [one.name for one in judged if one.of.refined]
    if refined:

        def nats(term: str, digits: int) -> str:
            each = {
                run: np.mean([getattr(one.run[run].refined, term) for one in of.seeds])
                for run in refined
            }
            return ", ".join(f"{value:.{digits}f} nats for {run}" for run, value in each.items())

        said.append(
            f"{listed(refined)} {'has' if len(refined) == 1 else 'have'} no encoder: training and "
            f"test images both got new posteriors by the same {of.asked.refine_steps} steps from "
            "mean 0 and log-variance 0 against the decoder of each snapshot. The gap is the "
            "decoder's; the negative ELBO of training images under the latents that were learned "
            f"with it is {nats('own_latents', 1)}. Over the last tenth of the steps the bound of "
            f"training images still rose by {nats('still_rising', 2)}."
        )
        if any(one.of.refined and one.of.beta != 1 for one in judged):
            said.append("Refinement maximises the ELBO itself, with β 1.")
    few = [one.name for one in judged if one.of.curves.few and one.train.mean.shape[1] == 1]
    if few:
        said.append(
            f"{listed(few)} learned from one draw of few images: another draw may differ more than "
            "the interval says."
        )
    return said
