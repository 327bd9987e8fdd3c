"""How often intervals cover, and how often the rules that make sentences err.

    python -m benchmarks.calibration [--short] [--only coverage|rules] [--part K/N]
                                     [--write docs/method.md]

Everything is simulated on one core: intervals of the engine over a grid of seeds, draws and
images, 400 times each (a quarter of that where there are more than 50,000 values), and each rule of
a question under its null and at stated effects. `--write` keeps what was found: the rules' rates
where the package reads them for its pages, the coverage in this folder, and both as tables between
the marks of the document that it names. Of some twenty minutes `--part` takes one of N parts, and
leaves the others as they are. Without `--write` the rates are compared with those that are kept.

The command fails where a rule errs more often than it is allowed to, where a rate is not the one
that is kept, or where an interval covers less than 93 % with nothing skewed.
"""

import argparse
import sys
from pathlib import Path

from scipy import stats

import tacit
from benchmarks.calibration import coverage, rules
from benchmarks.table import write_into
from tacit.questions.shared import rates

LEAST = 0.93
REPEATS, SHORT_REPEATS = 400, 200
SURELY = 1e-4
"""Two counts this unlikely to come from one rate do not."""

MARKS = {
    "coverage": ("<!-- coverage -->", "<!-- end of coverage -->"),
    "rules": ("<!-- rules -->", "<!-- end of rules -->"),
}
RATES = Path(tacit.__file__).parent / "questions" / "shared" / rates.FILE


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.calibration", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the studies, few layouts")
    parser.add_argument("--only", choices=tuple(MARKS))
    parser.add_argument("--part", default="1/1", metavar="K/N", help="one of N parts")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    asked = parser.parse_args(arguments)
    if asked.short and asked.write:
        parser.error("--short is not written: its studies are too few")
    part, parts = (int(n) for n in asked.part.split("/"))
    repeats = SHORT_REPEATS if asked.short else REPEATS
    errors = []
    if asked.only != "rules":
        layouts = (coverage.SHORT if asked.short else coverage.LAYOUTS)[part - 1 :: parts]
        found = coverage.coverages(layouts, repeats)
        print(coverage.markdown(found))
        errors += coverage.errors(found, LEAST, repeats)
        if asked.write:
            everything = coverage.keep(found)
            write_into(asked.write, coverage.markdown(everything), *MARKS["coverage"])
    if asked.only != "coverage":
        chosen = rules.rules()[part - 1 :: parts]
        rated = {r.name: rules.rates(r, repeats if asked.short else None) for r in chosen}
        print(rules.markdown(rated))
        errors += [error for one in rated.values() for error in rules.exceeded(one)]
        if asked.write:
            names = [rule.name for rule in rules.rules()]
            kept = {n: one for n, one in {**rates.known(), **rated}.items() if n in names}
            RATES.write_text(rules.written(kept), encoding="utf-8")
            write_into(asked.write, rules.markdown(dict(sorted(kept.items()))), *MARKS["rules"])
        else:
            errors += [error for name in rated for error in disagreeing(name, rated[name])]
    for error in errors:
        print(f"not kept: {error}", file=sys.stderr)
    return 1 if errors else 0


def disagreeing(name: str, found: rates.Rates) -> list[str]:
    """The cases whose rates are not those that are kept, as far as both simulations can tell."""
    if name not in rates.known():
        return [f"'{name}' has no rates in {rates.FILE}; --write keeps them"]
    kept, errors = rates.known()[name], []
    for own, theirs in ((found.null, kept.null), (found.effects, kept.effects)):
        if own.keys() != theirs.keys():
            errors.append(f"'{name}' has cases {[*own]}; rates are kept of {[*theirs]}")
            continue
        for case, tally in own.items():
            other = theirs[case]
            counts = [[t.said, t.studies - t.said] for t in (tally, other)]
            if stats.fisher_exact(counts).pvalue < SURELY:
                shares = f"{100 * tally.share:.1f} %, kept is {100 * other.share:.1f} %"
                errors.append(f"'{name}', {case}: {shares}")
    return errors


if __name__ == "__main__":
    sys.exit(main())
