"""What is printed of a study: every verdict, alerts as there is room, 300 words at most."""

import pytest

from tacit.questions.finding import Finding
from tacit.questions.verdicts import MOST_WORDS as HEADLINE
from tacit.questions.verdicts import Verdict, words_in
from tacit.report.summary import MOST_WORDS, summary


def finding(name: str, headline: str, answer: str = "So.") -> Finding:
    title = "Does it do what it was made to do?"
    return Finding(name, title, "?", answer, {}, (), verdict=Verdict.NO, headline=headline)


@pytest.mark.parametrize("n_alerts", [0, 1, 3, 20])
def test_full_headlines_and_many_alerts_stay_within_the_limit(n_alerts: int) -> None:
    findings = [finding(f"q{n}", " ".join(["word"] * HEADLINE)) for n in range(7)]
    alerts = [f"{n} " + " ".join(["alert"] * 12) for n in range(n_alerts)]
    lines = [line for line, _ in summary(alerts, findings)]
    assert sum(map(words_in, lines)) <= MOST_WORDS
    assert lines[-1].startswith("No. word")
    assert sum(heading for _, heading in summary(alerts, findings)) == len(findings)
    told = [line for line in lines if line.startswith("!")]
    left_out = n_alerts - sum("alert" in line for line in told)
    assert told[-1:] == [f"! {left_out} more of these on the page"] if left_out else True
    assert left_out == 0 or n_alerts > 1


def test_an_answer_without_a_headline_is_cut() -> None:
    long = " ".join(["word"] * 200)
    (_, (said, _)) = summary((), [finding("q", "", long)])
    assert said.endswith(" …")
    assert words_in(said) == 61
    (_, (said, _)) = summary((), [finding("q", "", "Short and whole.")])
    assert said == "Short and whole."
