"""Rules that make sentences, each with measurements under its null and at stated effects.

To register a rule, put a module into this folder that has `RULES`, a tuple of `Rule`s; it is found
by itself. A rule fabricates measurements as the question stores them, runs the question's own
function on them, and says whether it made the sentence.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np

from tacit.figures.sink import Figures
from tacit.questions.base import Setting
from tacit.questions.registry import QUESTIONS
from tacit.questions.shared.rates import Rates, Tally

Verdict = Callable[[np.random.Generator], bool]
"""Fabricates one study from a generator and says whether the rule made its sentence."""

AT_MOST = 0.06

NOWHERE = Setting("", Figures(Path()), (), 0, 0, "")
"""Of answers that look at nothing but their measurements."""


@dataclass(frozen=True)
class Rule:
    """A rule of one or several questions, and what it is tried on.

    Attributes:
        name: what questions call it in their `rules`, and its rates are kept under.
        says: the sentence, in a few words.
        null: by what is fabricated, studies in which the sentence is not so.
        effects: by what is fabricated, studies in which it is so: how often it is then found.
        at_most: the false positives that are allowed.
        repeats: how many studies of each are fabricated.
    """

    name: str
    says: str
    null: Mapping[str, Verdict]
    effects: Mapping[str, Verdict] = field(default_factory=dict)
    at_most: float = AT_MOST
    repeats: int = 3000


def rules() -> list[Rule]:
    """All registered rules, by module."""
    names = sorted(info.name for info in iter_modules(__path__))
    return [rule for name in names for rule in import_module(f"{__name__}.{name}").RULES]


def rates(rule: Rule, repeats: int | None = None, seed: int = 0) -> Rates:
    """How often the rule makes its sentence in each case."""
    times = min(repeats or rule.repeats, rule.repeats)
    found: list[dict[str, Tally]] = []
    for kind, cases in enumerate((rule.null, rule.effects)):
        found.append({})
        for number, (case, verdict) in enumerate(cases.items()):
            rng = np.random.default_rng((seed, kind, number))
            found[kind][case] = Tally(sum(bool(verdict(rng)) for _ in range(times)), times)
    return Rates(rule.says, rule.at_most, *found)


def exceeded(found: Rates) -> list[str]:
    """The cases in which a rule errs more often than it is allowed to."""
    return [
        f"{found.says}, {case}: {100 * tally.share:.1f} %"
        for case, tally in found.null.items()
        if not tally.kept(found.allowed)
    ]


def markdown(found: Mapping[str, Rates]) -> str:
    """A table: a row for each rule and case, with the questions that decide by the rule."""
    lines = [
        "| question | says | of studies in which | says so in | allowed |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, one in found.items():
        asking = ", ".join(q.name for q in QUESTIONS.values() if name in q.rules) or "all"
        for cases, allowed in ((one.null, f"{100 * one.allowed:.0f} %"), (one.effects, "")):
            lines += [
                f"| {asking} | {one.says} | {case} | {100 * tally.share:.1f} % of "
                f"{tally.studies:,} | {allowed} |"
                for case, tally in cases.items()
            ]
    return "\n".join(lines) + "\n"


def written(rates: Mapping[str, Rates]) -> str:
    """The text of the file, a line for each case."""
    plain = {
        name: {
            "says": one.says,
            "allowed": one.allowed,
            **{
                part: {case: [t.said, t.studies] for case, t in getattr(one, part).items()}
                for part in ("null", "effects")
            },
        }
        for name, one in sorted(rates.items())
    }
    text = json.dumps(plain, indent=1, ensure_ascii=False)
    return re.sub(r"\[\s+(\d+),\s+(\d+)\s+\]", r"[\1, \2]", text) + "\n"
