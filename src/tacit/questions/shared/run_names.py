"""Names of runs, as a question's argument."""

from typing import Annotated

from pydantic import AfterValidator


def _once(runs: tuple[str, ...]) -> tuple[str, ...]:
    if twice := sorted({run for run in runs if runs.count(run) > 1}):
        raise ValueError(f"names '{twice[0]}' twice; each run is looked at once")
    return runs


RunNames = Annotated[tuple[str, ...], AfterValidator(_once)]
"""Names of runs, none of them twice."""
