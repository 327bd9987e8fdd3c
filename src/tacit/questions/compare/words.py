"""The answer of question `compare` in words."""

from collections.abc import Iterator

from tacit.measures.formatting import brief, show
from tacit.questions.compare.numbers import Found
from tacit.questions.finding import Table
from tacit.questions.shared.words import listed
from tacit.questions.verdicts import Said, Verdict

DECIDED_BY = (
    "One run is best where its paired differences to all the others, each with its own 95 % "
    "interval over seeds and test images together, lie above zero. The intervals of the table hold "
    "together, and are wider."
)


def headline(compared: Found) -> Said:
    """Whether one run is ahead of the rest."""
    found, words = compared.best, compared.measure.words
    label = f"lead of {found.best} over {found.second}, {words}"
    if not found.distinguishable:
        text = f"No run is distinguishable as the best by {words}: {found.best} leads, not clearly."
        return Said(Verdict.CANNOT_TELL, text, "lead", label)
    text = f"{found.best} is the best by {words}, {brief(found.lead)} ahead of {found.second}."
    return Said(Verdict.YES, text, "lead", label)


def sentences(compared: Found) -> Iterator[str]:
    """Who is worse, who may not be, and by how much."""
    found = compared.best
    if found.worse:
        behind = [f"{name} by {show(found.differences[name])}" for name in found.worse]
        yield f"Behind {found.best}: {listed(behind)}."
    if found.alike:
        yield f"Not distinguishable from {found.best}: {listed(list(found.alike))}."


def caveats(compared: Found) -> Iterator[str]:
    """What else differs."""
    if len(compared.factors) > 1:
        yield (
            f"The runs differ in {listed(compared.factors)}: which of these makes the difference "
            "is not told."
        )
    if not compared.factors:
        yield "The runs do not differ in any setting of their own; parts that they take may differ."
    if compared.first.by == "elbo":
        yield (
            "The ELBO is compared at β = 1, whatever a run was trained with. It is a bound: a run "
            "may have a higher one by a tighter bound alone."
        )


def table(compared: Found) -> Table:
    """A row for each run, in the order in which they were named."""
    first, found = compared.first, compared.best
    rows = tuple(
        (
            name,
            *(setting.partition(": ")[2] for setting in first.setting[name]),
            compared.numbers[f"{name}.{compared.first.by}"],
            "best" if name == found.best else found.differences[name],
        )
        for name in compared.asked.runs
    )
    columns = ("run", *compared.factors, compared.measure.words, f"{found.best} ahead by")
    return Table("Runs compared on the same test images", columns, rows)
