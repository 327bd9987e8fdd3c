"""The answer of question `effective-rank` in words."""

from collections.abc import Mapping

from tacit.measures.formatting import brief
from tacit.measures.number import Number
from tacit.questions.effective_rank.numbers import Numbers
from tacit.questions.finding import Table
from tacit.questions.shared.seeds import Seeds
from tacit.questions.verdicts import Said, Verdict

DECIDED_BY = (
    "Nothing is decided. The effective rank is exp of the entropy of the shares that the singular "
    "values of the centred codes have: as many as the dimensions where all vary alike and apart, 1 "
    "where codes lie along one direction. A high one is no proof of good codes, a low one says "
    "that little can be told from them. A contrastive run whose codes are all alike stops by "
    "itself."
)


def headline(seeds: Seeds[Numbers], ranks: Mapping[str, Number]) -> Said:
    """Whose codes vary along the smallest share of their directions."""
    width = {name: seeds.first.run[name].width for name in ranks}
    least = min(ranks, key=lambda name: (ranks[name].value or 0.0) / width[name])
    return Said(
        Verdict.CANNOT_TELL,
        f"Codes of {least} vary along about {brief(ranks[least])} of {width[least]} directions, "
        "which alone decides nothing.",
        f"{least}.effective-rank",
        f"effective rank of the codes of {least}",
    )


def table(seeds: Seeds[Numbers], ranks: Mapping[str, Number]) -> Table:
    """Every run's."""
    return Table(
        "Codes of test images after the last update.",
        ("run", "dimensions", "effective rank"),
        tuple((name, seeds.first.run[name].width, rank) for name, rank in ranks.items()),
    )
