"""What a reader must know before any answer of a study, each said once."""

import re
from collections.abc import Sequence

from tacit.questions.finding import Finding, alerts_of
from tacit.questions.shared.words import ONE_SEED
from tacit.report.provenance import ImagesUsed, Provenance

FEWEST_SEEDS, FEWEST_TESTED = 3, 200


HOW_READ = re.compile(
    r"^(Sub-folders |All images lie in one folder)|chosen by (their )?content|were taken(,|\.)"
)
"""Notes on images that say how they were read, and nothing that a reader must be warned of."""


def how_read(images: ImagesUsed) -> tuple[str, ...]:
    """How the images were read and divided, which is no alert."""
    return tuple(note for note in images.notes if HOW_READ.search(note))


def alerts_on_top(study: Provenance, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The findings' own, then few seeds, few images, and what was done to the images."""
    n_seeds, n_test = len(study.seeds), study.images.test
    said = list(alerts_of(findings))
    if n_seeds == 1:
        said.append(ONE_SEED)
    elif n_seeds < FEWEST_SEEDS:
        said.append(f"Only {n_seeds} seeds: what they show of other trainings is little.")
    if 0 < n_test < FEWEST_TESTED:
        said.append(f"Only {n_test:,} test images: intervals are wide.")
    plain = how_read(study.images)
    said += [note for note in study.images.notes if note not in plain]
    return tuple(dict.fromkeys(said))
