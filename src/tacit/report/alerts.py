"""What a reader must know before any answer of a study, each said once."""

from collections.abc import Sequence

from tacit.measures.formatting import percent
from tacit.questions.finding import Finding, alerts_of
from tacit.questions.shared.words import ONE_SEED, listed
from tacit.report.provenance import Provenance, StillTraining

FEWEST_SEEDS, FEWEST_TESTED = 3, 200


def together(alerts: Sequence[str], unfinished: Sequence[StillTraining]) -> tuple[str, ...]:
    """Runs whose loss still fell in one sentence, where they are more than two."""
    found = {still.alert: still for still in unfinished if still.share < 1}
    found = {alert: found[alert] for alert in alerts if alert in found}
    if len(found) < 3:
        return tuple(alerts)
    runs = [f"{still.run} ({percent(still.share)})" for still in found.values()]
    times = [still.times for still in found.values() if still.times is not None]
    text = (
        f"Training of {listed(runs)} had not finished: in brackets, how much of its whole fall the "
        "loss still fell by over the last tenth of the updates"
    )
    if len(times) == len(found):
        text += f"; about {max(times):g} times as many updates should do"
    return tuple(dict.fromkeys(f"{text}." if alert in found else alert for alert in alerts))


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
    said += [note for note in study.images.notes if note not in study.images.how_read]
    return together(tuple(dict.fromkeys(said)), study.unfinished)
