"""What the labels at hand say of the pairs, drawn."""

from tacit.figures.sink import Figure
from tacit.labels.choosing import Choice
from tacit.questions.base import Setting
from tacit.questions.label_efficiency.figures import in_percent, reliability
from tacit.questions.labels_within.numbers import Judged


def draw(judged: Judged, setting: Setting) -> tuple[Figure, ...]:
    """Held-out labels told right by each pair, and how sure the winner is; none without either."""
    if judged.choice is None:
        return ()
    return _accuracies(judged, judged.choice, setting), _reliability(judged, setting)


def _accuracies(judged: Judged, choice: Choice, setting: Setting) -> Figure:
    shown = {pair.short: in_percent(choice.accuracy(pair.name)) for pair in judged.ranked}
    return setting.intervals(
        "accuracy",
        {"": shown},
        f"How many of {choice.n} labels each pair told right when they were held out, with 95 % "
        "intervals. Pairs share the labels, so that they differ more surely than intervals that "
        "overlap suggest: the table has the differences.",
        x_label="held-out labels told right, %",
    )


def _reliability(judged: Judged, setting: Setting) -> Figure:
    found = judged.reliability()
    kind = "its probabilities" if judged.winner.using.confident else "its scores"
    return reliability(
        [b.confidence for b in found],
        [b.right for b in found],
        [b.right.n for b in found],
        f"How often {judged.winner.short} is right where it says how sure it is, over the labels "
        f"that were held out. A temperature of {judged.temperature.value:.3g} and "
        f"{100 * judged.temperature.blank:.1f} % of answers that tell nothing, fitted on the same "
        f"answers, make {kind} into confidence; with {judged.temperature.n} labels that is rough.",
        setting,
        counted="labels",
    )
