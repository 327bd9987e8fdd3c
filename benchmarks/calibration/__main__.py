"""How often intervals cover, and how often the rules that make sentences err.

    python -m benchmarks.calibration [--short] [--only coverage|rules] [--write docs/method.md]

Everything is simulated on one core, in some ten minutes: intervals of the engine over a grid of
seeds, draws and images, 400 times each (a quarter of that where there are more than 50,000 values),
and each rule of a question under its null and at stated effects. The tables go between the marks of
the document that `--write` names. The command fails where a rule errs more often than it is allowed
to, or an interval covers less than 93 % where nothing is skewed.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.calibration import coverage, rules
from benchmarks.table import write_into

LEAST = 0.93
REPEATS, SHORT_REPEATS = 400, 200
MARKS = {
    "coverage": ("<!-- coverage -->", "<!-- end of coverage -->"),
    "rules": ("<!-- rules -->", "<!-- end of rules -->"),
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.calibration", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the studies, few layouts")
    parser.add_argument("--only", choices=tuple(MARKS))
    parser.add_argument("--write", type=Path, metavar="DOCUMENT")
    asked = parser.parse_args(arguments)
    repeats = SHORT_REPEATS if asked.short else REPEATS
    texts, faults = {}, []
    if asked.only != "rules":
        layouts = coverage.SHORT if asked.short else coverage.LAYOUTS
        found = coverage.coverages(layouts, repeats)
        texts["coverage"] = coverage.markdown(found)
        noise = 2 * (LEAST * (1 - LEAST) / repeats) ** 0.5
        faults += [
            f"{one.layout}, {one.group}, {one.case}: covers {100 * one.share:.1f} %"
            for one in found
            if one.share < LEAST - noise and not one.group.startswith("skewed")
        ]
    if asked.only != "coverage":
        rated = [
            rate
            for rule in rules.rules()
            for rate in rules.rates(rule, repeats if asked.short else None)
        ]
        texts["rules"] = rules.markdown(rated)
        faults += [
            f"{one.rule.question}, {one.rule.says}, {one.case}: {100 * one.share:.1f} %"
            for one in rated
            if not one.kept
        ]
    for name, text in texts.items():
        print(text)
        if asked.write:
            write_into(asked.write, text, *MARKS[name])
    for fault in faults:
        print(f"not kept: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
