"""What a reader must know before any answer of a study, each said once."""

from collections.abc import Sequence

from tacit.measures.formatting import percent
from tacit.questions.finding import Finding, alerts_of
from tacit.questions.shared.words import ONE_SEED, listed
from tacit.report.provenance import Provenance, StillTraining

FEWEST_SEEDS, FEWEST_TESTED = 3, 200


def together(alerts: Sequence[str], unfinished: Sequence[StillTraining]) -> tuple[str, ...]:
    """Runs whose loss still fell in one sentence, and those too short to tell in another."""
    found = [still for still in unfinished if still.alert in alerts]
    said = {alert: alert for alert in alerts}
    for sentence, some in (
        (_still_fell, [still for still in found if still.share < 1]),
        (_too_short, [still for still in found if still.share >= 1]),
    ):
        if len(some) > 1:
            said |= dict.fromkeys((still.alert for still in some), sentence(some))
    return tuple(dict.fromkeys(said.values()))


def _still_fell(some: Sequence[StillTraining]) -> str:
    runs = [f"{still.run} ({percent(still.share)})" for still in some]
    text = (
        f"Training of {listed(runs)} had not finished: in brackets, how much of its whole fall the "
        "loss still fell by over the last tenth of the updates"
    )
    times = [still.times for still in some if still.times is not None]
    if len(times) == len(some):
        text += f"; about {max(times):g} times as many updates should do"
    return f"{text}."


def _too_short(some: Sequence[StillTraining]) -> str:
    runs = listed([still.run for still in some])
    return f"{runs} were trained for too few updates to tell whether they had finished."


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
