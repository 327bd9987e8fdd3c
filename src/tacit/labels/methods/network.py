"""Networks that are trained on the labelled images alone: anew, or from a run's encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.labels.draws import Labelled
from tacit.labels.methods.base import Answered, Method, Problem
from tacit.labels.networks import (
    AUGMENTED,
    FROM_SCRATCH,
    ON_PRETRAINED,
    Recipe,
    class_probabilities,
    fine_tune,
    train_network,
)
from tacit.models.config import AnyNetwork
from tacit.models.networks import Encoder
from tacit.models.pretrained import PretrainedNetwork


@dataclass(frozen=True, kw_only=True)
class Trained(Method):
    """A network trained on the labelled images alone."""

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        encoder = problem.seen.encoder
        assert problem.recipe is not None
        assert encoder is None or isinstance(encoder, Encoder)
        for t in wanted:
            model = train_network(
                problem.pool,
                trials[t],
                problem.n_classes,
                recipe=problem.recipe,
                encoder=encoder,
                seed=problem.seed,
            )
            yield Answered(t, class_probabilities(model, problem.new), model=model)


@dataclass(frozen=True, kw_only=True)
class FineTuned(Trained):
    """The same, begun with the encoder that made the codes."""

    def answers(
        self, problem: Problem, trials: Sequence[Labelled], wanted: Sequence[int]
    ) -> Iterator[Answered]:
        encoder, seen = problem.seen.encoder, problem.seen
        if not isinstance(encoder, PretrainedNetwork):
            yield from super().answers(problem, trials, wanted)
            return
        assert problem.recipe is not None
        for t in wanted:
            model = fine_tune(
                problem.pool,
                seen.pool,
                trials[t],
                problem.n_classes,
                encoder,
                recipe=problem.recipe,
                seed=problem.seed,
            )
            yield Answered(t, class_probabilities(model, problem.new), model=model)

    def network(self, recipe: Recipe | None, encoder: AnyNetwork | None) -> AnyNetwork | None:
        return encoder


FINE_TUNE = FineTuned(
    name="fine-tune",
    short="fine-tuned",
    words="fine-tuning the encoder of {codes}",
    family="network",
    reads="encoder",
    confident=True,
    recipe=FROM_SCRATCH,
    recipe_elsewhere=ON_PRETRAINED,
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
