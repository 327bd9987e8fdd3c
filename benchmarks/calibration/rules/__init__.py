"""Rules that make sentences, each with measurements under its null and at stated effects.

To register a rule, put a module into this folder that has `RULES`, a tuple of `Rule`s; it is found
by itself. A rule fabricates measurements as the question stores them, runs the question's own
function on them, and says whether it made the sentence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

Verdict = Callable[[np.random.Generator], bool]
"""Fabricates one study from a generator and says whether the rule made its sentence."""

AT_MOST = 0.06


@dataclass(frozen=True)
class Rule:
    """A rule of a question, and what it is tried on.

    Attributes:
        question: whose rule it is.
        says: the sentence, in a few words.
        null: by what is fabricated, studies in which the sentence is not so.
        effects: by what is fabricated, studies in which it is so: how often it is then found.
        at_most: the false positives that are allowed.
        repeats: how many studies of each are fabricated.
    """

    question: str
    says: str
    null: Mapping[str, Verdict]
    effects: Mapping[str, Verdict] = field(default_factory=dict)
    at_most: float = AT_MOST
    repeats: int = 1000


@dataclass(frozen=True)
class Rate:
    """How often a rule made its sentence. `allowed` is None where it was right to."""

    rule: Rule
    case: str
    share: float
    repeats: int
    allowed: float | None

    @property
    def kept(self) -> bool:
        """Whether it errs no more often than allowed, up to twice the simulation's own error."""
        if self.allowed is None:
            return True
        noise = 2 * np.sqrt(self.allowed * (1 - self.allowed) / self.repeats)
        return bool(self.share <= self.allowed + noise)


def rules() -> list[Rule]:
    """All registered rules, by module."""
    names = sorted(info.name for info in iter_modules(__path__))
    return [rule for name in names for rule in import_module(f"{__name__}.{name}").RULES]


def rates(rule: Rule, repeats: int | None = None, seed: int = 0) -> list[Rate]:
    """How often the rule makes its sentence in each case."""
    found = []
    times = min(repeats or rule.repeats, rule.repeats)
    for allowed, cases in ((rule.at_most, rule.null), (None, rule.effects)):
        for number, (case, verdict) in enumerate(cases.items()):
            rng = np.random.default_rng((seed, allowed is None, number))
            said = sum(bool(verdict(rng)) for _ in range(times))
            found.append(Rate(rule, case, said / times, times, allowed))
    return found


def markdown(found: list[Rate]) -> str:
    """A table: a row for each rule and case."""
    lines = [
        "| question | says | of studies in which | says so in | allowed |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in found:
        allowed = "" if one.allowed is None else f"{100 * one.allowed:.0f} %"
        lines.append(
            f"| {one.rule.question} | {one.rule.says} | {one.case} | "
            f"{100 * one.share:.1f} % | {allowed} |"
        )
    return "\n".join(lines) + "\n"
