"""What a reader must know before any answer of a study, each said once."""

import re
from collections.abc import Sequence

from tacit.questions.finding import Finding, alerts_of
from tacit.questions.shared.words import ONE_SEED, listed
from tacit.report.provenance import ImagesUsed, Provenance

FEWEST_SEEDS, FEWEST_TESTED = 3, 200


HOW_READ = re.compile(
    r"^(Sub-folders |All images lie in one folder)|chosen by (their )?content|were taken(,|\.)"
)
"""Notes on images that say how they were read, and nothing that a reader must be warned of."""


FALLING = re.compile(
    r"Training of (.+) had not finished: .* by ([\d.]+ %) of its whole fall"
    r"(?:; about ([\d.]+) times .*)?\."
)
"""What `tacit.questions.verdicts.alert` says of a run whose loss still fell."""


def together(alerts: Sequence[str]) -> tuple[str, ...]:
    """Runs whose loss still fell in one sentence, where they are more than two."""
    found = {text: match for text in alerts if (match := FALLING.fullmatch(text))}
    if len(found) < 3:
        return tuple(alerts)
    runs = [f"{match[1]} ({match[2]})" for match in found.values()]
    times = [float(match[3]) for match in found.values() if match[3]]
    text = (
        f"Training of {listed(runs)} had not finished: in brackets, how much of its whole fall the "
        "loss still fell by over the last tenth of the updates"
    )
    if len(times) == len(found):
        text += f"; about {max(times):g} times as many updates should do"
    return tuple(dict.fromkeys(f"{text}." if alert in found else alert for alert in alerts))


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
    return together(tuple(dict.fromkeys(said)))
