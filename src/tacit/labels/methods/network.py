"""Networks that are trained on the labelled images alone: anew, or from a run's encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.labels.draws import Labelled
from tacit.labels.methods.base import Answered, Method, Problem
from tacit.labels.networks import (
    AUGMENTED,
    FROM_SCRATCH,
    Recipe,
    class_probabilities,
    train_network,
)
from tacit.models.config import Network


@dataclass(frozen=True, kw_only=True)
class Trained(Method):
    """A network trained on the labelled images alone."""

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        assert problem.recipe is not None
        for t in wanted:
            model = train_network(
                problem.pool,
                trials[t],
                problem.n_classes,
                recipe=problem.recipe,
                encoder=problem.seen.encoder,
                seed=problem.seed,
            )
            yield Answered(t, class_probabilities(model, problem.new), model=model)


@dataclass(frozen=True, kw_only=True)
class FineTuned(Trained):
    """The same, begun with the encoder that made the codes."""

    def network(self, recipe: Recipe | None, encoder: Network | None) -> Network | None:
        return encoder


FINE_TUNE = FineTuned(
    name="fine-tune",
    short="fine-tuned",
    words="fine-tuning the encoder of {codes}",
    family="network",
    reads="encoder",
    confident=True,
    recipe=FROM_SCRATCH,
    preference=5,
    tuned_on=("mnist", "digits"),
)
SCRATCH = Trained(
    name="scratch",
    short="from scratch",
    words="a network trained from scratch",
    family="network",
    reads="images",
    confident=True,
    recipe=FROM_SCRATCH,
    preference=8,
    tuned_on=("mnist", "digits"),
)
SCRATCH_AUGMENTED = Trained(
    name="scratch-augmented",
    short="from scratch + augmentation",
    words="a network trained from scratch on augmented images",
    family="network",
    reads="images",
    confident=True,
    recipe=AUGMENTED,
    preference=7,
    tuned_on=("mnist", "digits"),
)
