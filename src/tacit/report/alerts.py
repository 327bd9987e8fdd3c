"""What a reader must know before any answer of a study, each said once."""

from collections.abc import Sequence

from tacit.questions.finding import Finding, alerts_of
from tacit.questions.shared.words import ONE_SEED
from tacit.report.provenance import Provenance

FEWEST_SEEDS, FEWEST_TESTED = 3, 200


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
    return tuple(dict.fromkeys([*said, *study.images.notes]))
