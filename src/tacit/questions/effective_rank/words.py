"""The answer of question `effective-rank` in words."""

from tacit.measures.formatting import brief
from tacit.questions.effective_rank.numbers import Found
from tacit.questions.finding import Table
from tacit.questions.verdicts import Said, Verdict

DECIDED_BY = (
    "Nothing is decided. The effective rank is exp of the entropy of the shares that the singular "
    "values of the centred codes have: as many as the dimensions where all vary alike and apart, 1 "
    "where codes lie along one direction. A high one is no proof of good codes, a low one says "
    "that little can be told from them. A contrastive run whose codes are all alike stops by "
    "itself."
)


def headline(found: Found) -> Said:
    """Whose codes vary along the smallest share of their directions."""
    least = min(
        found.asked.runs, key=lambda name: (found.rank(name).value or 0.0) / found.width(name)
    )
    return Said(
        Verdict.CANNOT_TELL,
        f"Codes of {least} vary along about {brief(found.rank(least))} of {found.width(least)} "
        "directions, which alone decides nothing.",
        f"{least}.effective-rank",
        f"effective rank of the codes of {least}",
    )


def table(found: Found) -> Table:
    """Every run's."""
    caption = "Codes of test images after the last update."
    return Table.of(
        caption,
        found.asked.runs,
        {"run": str, "dimensions": found.width, "effective rank": found.rank},
    )
