"""The page's second answer of ``tacit learn``: what the rest is, and what to label next."""

import numpy as np
from numpy.typing import NDArray

from tacit.commands.learn.pool import Pool
from tacit.figures.grids import grid
from tacit.figures.sink import Figure, Figures
from tacit.measures.formatting import percent
from tacit.measures.number import Number
from tacit.questions.finding import Finding, Table
from tacit.questions.labels_within.numbers import Judged
from tacit.questions.verdicts import Said, Verdict

COLUMNS = 8
UNSURE = 0.5
"""Less confidence than this is little."""

FEW = 0.05
"""So small a share of the images may be named with little confidence."""

QUESTION = "next-labels"


def asking(
    judged: Judged,
    probabilities: NDArray[np.float64],
    rows: NDArray[np.int64],
    pool: Pool,
    figures: Figures,
) -> Finding:
    """The finding; its first figure shows the images to label next, where there are any.

    Args:
        judged: what the labels say.
        probabilities: of all images by the recommended pair, (N, K).
        rows: the images to label next, best first.
        pool: the images. figures: where figures go.
    """
    rest = np.setdiff1d(np.arange(len(probabilities)), judged.labelled.index)
    sure = probabilities[rest].max(axis=1)
    said = _verdict(judged, sure)
    return Finding(
        question=QUESTION,
        title="Are the other images named with confidence?",
        asks="Are the images without a label named with confidence, and which of them would help "
        "most if they had one?",
        answer=_words(judged, sure, len(rows)),
        numbers={
            "without-a-label": Number(float(len(rest)), n=len(rest), unit="images"),
            "mean-confidence": Number(float(sure.mean()), n=len(rest), unit="share"),
            "unsure": Number(float((sure < UNSURE).mean()), n=len(rest), unit="share"),
        },
        runs=tuple(pair.run for pair in (judged.winner,) if pair.run is not None),
        verdict=said.verdict,
        headline=said.headline,
        decided_by=(
            "Images are named with confidence where it is below "
            f"{percent(UNSURE, 0)} for at most {percent(FEW, 0)} of them. "
            "An image is asked for that is uncertain (its two likeliest classes are close) and "
            "near, over two steps of the graph of nearest neighbours, to many others that are; "
            "what its label will tell of those is taken off before the next is chosen, so that no "
            "two tell the same. Of equal pictures one is asked for."
        ),
        figures=(_grid(judged, probabilities, rows, pool, figures),) if len(rows) else (),
        tables=(_classes(judged, probabilities, rest),),
        caveats=(
            "Images that were asked for are harder than others: once they have labels, the "
            "accuracy on held-out labels is that of harder images, and may fall while the answers "
            "get better; and a confidence that is right for them may be wrong for the others.",
        ),
        sources=("Settles and Craven 2008 (uncertainty times density)",),
    )


def _verdict(judged: Judged, sure: NDArray[np.float64]) -> Said:
    """Whether all but a few are named with confidence, which only held-out labels can calibrate."""
    unsure, n = int((sure < UNSURE).sum()), len(sure)
    if judged.temperature.value is None:
        text = "How sure the names of the other images are was not measured: too few labels."
        return Said(Verdict.CANNOT_TELL, text)
    text = f"{unsure:,} of {n:,} images without a label are named with little confidence."
    return Said(Verdict.YES if unsure <= FEW * n else Verdict.NO, text)


def _words(judged: Judged, sure: NDArray[np.float64], n_asked: int) -> str:
    calibrated = "" if judged.temperature.value is not None else " (not calibrated)"
    unsure = int((sure < UNSURE).sum())
    asked = (
        f"The labels of the {n_asked:,} images shown would help most: they are uncertain and stand "
        "for many others."
        if n_asked
        else "Each of them is a copy of an image with a label: there is nothing left to ask for."
    )
    return (
        f"{len(sure):,} images have no label; {judged.winner.short} names their classes with a "
        f"confidence of {100 * sure.mean():.1f} % on average{calibrated}, and is less than "
        f"{100 * UNSURE:.0f} % sure of {unsure:,}. {asked}"
    )


def _grid(
    judged: Judged,
    probabilities: NDArray[np.float64],
    rows: NDArray[np.int64],
    pool: Pool,
    figures: Figures,
) -> Figure:
    pictures = [np.asarray(pool.images.pixels[row]) for row in rows.tolist()]
    notes = [
        f"{judged.class_names[int(p.argmax())][:9]} {100 * p.max():.0f} %"
        for p in probabilities[rows]
    ]
    starts = range(0, len(rows), COLUMNS)
    listed = ", ".join(pool.names[row] for row in rows[:COLUMNS].tolist())
    return figures.grid(
        QUESTION,
        grid(
            [pictures[start : start + COLUMNS] for start in starts],
            notes=[notes[start : start + COLUMNS] for start in starts],
        ),
        "Label these next, in reading order; label-next.csv names them. Below each: what it is "
        "taken for, and how surely.",
        f"The {len(rows)} images to label next, first {listed}.",
    )


def _classes(judged: Judged, probabilities: NDArray[np.float64], rest: NDArray[np.int64]) -> Table:
    found = probabilities[rest].argmax(axis=1)
    given = np.bincount(judged.labelled.y, minlength=len(judged.class_names))
    lines: list[tuple[str | float | int | Number | None, ...]] = []
    for number, name in enumerate(judged.class_names):
        mine = probabilities[rest][found == number].max(axis=1, initial=0.0)
        sure = f"{100 * mine.mean():.1f} %" if len(mine) else "–"
        lines.append((name, int(given[number]), len(mine), sure))
    return Table(
        "The classes: labels given, images named so among those without a label, and how surely",
        ("class", "labels", "named so", "mean confidence"),
        tuple(lines),
    )
