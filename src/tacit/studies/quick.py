"""A first answer sooner: the same study on fewer images, choices of labels and measurements."""

from collections.abc import Mapping, Sequence

from tacit.questions.base import Question
from tacit.studies.description.spec import Run

TRAIN_IMAGES = 2_000
DRAWS = 3

NOTE = (
    f"A quick look: at most {TRAIN_IMAGES:,} training images and {DRAWS} choices of few labels, "
    "measured on samples of the images. Without --quick intervals are narrower."
)


def scaled(
    runs: Mapping[str, Run], questions: Sequence[Question], draws: int | None
) -> tuple[dict[str, Run], list[Question]]:
    """Runs and questions with at most so many draws, and measurements as small as questions allow.

    draws: as asked for, in place of those of a quick look.
    """
    most = draws or DRAWS

    def fewer(run: Run) -> Run:
        if run.train is None or run.train.draws <= most:
            return run
        return run.model_copy(update={"train": run.train.model_copy(update={"draws": most})})

    return {name: fewer(run) for name, run in runs.items()}, [one.quickly() for one in questions]
