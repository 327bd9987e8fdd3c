"""What a study says in few words: its alerts, and the verdict and headline of every question."""

from collections.abc import Iterator, Sequence

from tacit.questions.finding import Finding
from tacit.questions.verdicts import words_in

MOST_WORDS = 300
"""Of a printed summary; alerts give way to headlines."""

MOST_CUT = 60
"""Words of an answer without a headline."""


def summary(alerts: Sequence[str], findings: Sequence[Finding]) -> Iterator[tuple[str, bool]]:
    """Lines to print, each with whether it is a heading: alerts, then the questions.

    Every question has its verdict and headline; alerts are as many as there is room for.
    """
    lines = [line for finding in findings for line in _lines(finding)]
    left = MOST_WORDS - sum(words_in(line) for line, _ in lines)
    for number, alert in enumerate(alerts):
        more = f"! {len(alerts) - number} more of these on the page"
        last = number == len(alerts) - 1
        if words_in(f"! {alert}") + (0 if last else words_in(more)) > left:
            yield more, False
            break
        left -= words_in(f"! {alert}")
        yield f"! {alert}", False
    yield from lines


def _lines(finding: Finding) -> tuple[tuple[str, bool], ...]:
    if finding.headline:
        said = f"{finding.verdict.capitalize()}. {finding.headline}"
    else:  # an answer as it was given, cut where it is long
        words = finding.answer.split()
        said = " ".join(words[:MOST_CUT]) + " …" * (len(words) > MOST_CUT)
    return (finding.title, True), (said, False)
