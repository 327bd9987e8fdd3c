"""How many labels, and on which representation?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from tacit.encoders.source import placed
from tacit.errors import ImagesError
from tacit.files import file_sha256
from tacit.images.dataset import UNLABELLED, Images
from tacit.images.splits import found_in_both
from tacit.labels.draws import Draws, nested_draws, read_draws
from tacit.labels.pairs import AnyPair, Pair, named_once, pairs_of
from tacit.progress import part_by_part
from tacit.questions.base import Measurement, Question, Runs, Setting, each_once
from tacit.questions.label_efficiency import numbers
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.trials import known, measured

Budget = Annotated[int, Field(ge=1, le=10**7)]


class FewLabels(Question):
    """Pairs of codes and a method, tried on the same draws of few labels.

    Attributes:
        budgets: how many labels each trial sees, per class or in all.
        draws: how many choices of them at each budget; every second one, and half of the test
            images, choose the winner, and the others judge it.
        count: whether budgets count the labels of each class or all of them.
        pool: where labels are drawn from: the training images, with the test images kept apart, or
            training and test images together, where answers are for all that have no label.
        small_classes: a class with fewer images than a budget is an error, or all of it is used.
        draws_file: draws that someone else made (`tacit.labels.draws.read_draws`); they replace
            `budgets`, `draws`, `count` and `pool`.
        draws_content: the checksum of that file, so that another content is measured anew.
    """

    quick: ClassVar[Mapping[str, int]] = {"draws": 3}
    rules: ClassVar[tuple[str, ...]] = ("worse-pair", "winner-accuracy", "label-factor")
    sources: ClassVar[tuple[str, ...]] = (
        "Calder, Cook, Thorpe and Slepčev 2020 (Poisson learning)",
        "Searle, Casella and McCulloch 1992 (variance components)",
        "Fieller 1954 (an interval from a test)",
        "Guo, Pleiss, Sun and Weinberger 2017 (calibration)",
    )
    as_trained = True
    takes_encoders = True
    needs_labels = True

    budgets: Annotated[tuple[Budget, ...], Field(min_length=1)] = (1, 3, 5, 10, 30, 100)
    draws: Annotated[int, Field(ge=2, le=1000)] = 10
    count: Literal["per-class", "in-all"] = "per-class"
    pool: Literal["train", "all"] = "train"
    small_classes: Literal["refuse", "whole"] = "refuse"
    draws_file: str | None = None
    draws_content: str = ""

    @property
    def tried(self) -> tuple[Pair, ...]:
        """The pairs that are compared."""
        raise NotImplementedError

    def with_encoders(self, sources: Sequence[str]) -> "FewLabels":
        """The same asked of these encoders from elsewhere as well."""
        raise NotImplementedError

    @field_validator("budgets")
    @classmethod
    def _ascending(cls, budgets: tuple[int, ...]) -> tuple[int, ...]:
        each_once(map(str, budgets), "each budget is looked at once")
        return tuple(sorted(budgets))

    @property
    def label_draws(self) -> int:
        return self.draws if self.draws_file is None else 0

    def work(self, n_images: int) -> float:
        """That of its pairs in all trials, as if there were ten classes."""
        classes = 10 if self.count == "per-class" else 1
        return sum(
            self.draws * pair.work(classes * budget, n_images)
            for pair in self.tried
            for budget in self.budgets
        )

    def encoders(self) -> tuple[str, ...]:
        return named_once(pair.encoder for pair in self.tried)

    def trained_encoders(self) -> tuple[str, ...]:
        return named_once(pair.trained_encoder for pair in self.tried)

    def placed(self, find: Callable[[str, str], str]) -> "FewLabels":
        file = self.draws_file if self.draws_file is None else find("draws_file", self.draws_file)
        return self.model_copy(update={"draws_file": file})

    def contents(self) -> dict[str, str]:
        return {} if self.draws_file is None else {self.draws_file: self.draws_content}

    def needs(self) -> dict[str, tuple[str, ...]]:
        kinds: dict[str, tuple[str, ...]] = {}
        for pair in self.tried:
            if pair.run is not None:
                any_kind = ("autoencoder", "vae", "classifier", "contrastive")
                wanted = ("classifier",) if pair.using.reads == "classifier" else any_kind
                kinds[pair.run] = tuple(k for k in wanted if k in kinds.get(pair.run, any_kind))
        return kinds

    def errors(self, runs: Mapping[str, Any]) -> Iterator[str]:
        """Something depends on labels, and codes come from runs that learned from all images."""
        if all(pair.using.oracle for pair in self.tried):
            yield "pairs hold none that depends on how many labels are given"
        for pair in self.tried:
            if pair.run is None:
                continue
            run = runs[pair.run]
            if run.train is not None:
                yield (
                    f"run '{pair.run}' learns from few images; pairs take runs that learn from all"
                )
            if pair.using.reads == "encoder" and run.posterior.kind == "per-image":
                yield f"run '{pair.run}' has per-image codes, and so no encoder to fine-tune"
            if run.reads_features:
                yield (
                    f"run '{pair.run}' reads codes from elsewhere; name the encoder itself as "
                    f"codes: '{run.pretrained}'"
                )
            taken = run.taken_encoder
            if pair.using.reads == "encoder" and taken and taken.part == "probabilities":
                yield f"run '{pair.run}' reads class probabilities; it has no encoder of images"

    def check(self, train: Images, test: Images) -> None:
        """See that the trials can be had from these images.

        Raises:
            ImagesError: what is missing, and what to do.
        """
        self.drawn(train, test)

    def drawn(self, train: Images, test: Images) -> Draws:
        """The trials; where small classes may be used whole, budgets end at the largest class.

        Raises:
            ImagesError: as `check`.
        """
        if train.labels is None or test.labels is None or not np.any(test.labels != UNLABELLED):
            raise ImagesError(
                "no test image has a label; accuracy needs some (a column split in labels.csv says "
                "which images are tested on)"
            )
        both = np.concatenate([train.labels, test.labels])
        if self.draws_file is not None:
            draws = read_draws(self.draws_file, len(train), len(test), both)
            sizes = {
                budget: len(index) for budget, index in zip(draws.budgets, draws.index, strict=True)
            }
            if len(set(sizes.values())) > 1 or min(sizes.values()) < 2:
                counted = ", ".join(f"{n} of {size} labels" for size, n in sizes.items())
                raise ImagesError(
                    f"{self.draws_file} holds trials of different numbers, {counted}; every number "
                    "of labels needs as many trials as the others, and at least 2"
                )
            return draws
        labels = both if self.pool == "all" else train.labels
        drawn = nested_draws(
            labels,
            self._reachable(labels, len(train.class_names)),
            self.draws,
            train.class_names,
            in_all=self.count == "in-all",
            small_classes=self.small_classes,
        )
        return Draws(drawn.budgets, drawn.unit, self.pool, drawn.index)

    def _reachable(self, labels: np.ndarray, n_classes: int) -> list[int]:
        """The budgets that ask for more than a smaller one gives, where classes may be small."""
        counts = np.bincount(labels[labels != UNLABELLED], minlength=n_classes)
        most = int(counts.max() if self.count == "per-class" else counts.sum())
        if self.pool == "all":
            most -= 1  # one is left to answer for
        if self.small_classes == "refuse" or most < 1:
            return list(self.budgets)
        return sorted({min(budget, most) for budget in self.budgets})

    def each_pair(self) -> dict[str, Question]:
        """A question for each pair, by its short name, of whose measurements all others consist."""
        given = {name: getattr(self, name) for name in FewLabels.model_fields if name != "heading"}
        content = "" if self.draws_file is None else file_sha256(Path(self.draws_file))
        given["draws_content"] = content
        return {pair.short: Labels(pairs=(pair,), **given) for pair in self.tried}


class Labels(FewLabels):
    """Accuracy against labels for pairs of a representation and a method of using labels on it.

    Attributes:
        pairs: what is compared, each a table with `codes`, `method` and, for some methods, `shares`
            and `recipe`.
    """

    name = "label-efficiency"
    title = "With few labels, does anything beat training from scratch?"
    asks = (
        "With so many labels, does a representation beat a network trained from scratch, which, in "
        "which method, and what would more labels bring?"
    )

    pairs: Annotated[tuple[AnyPair, ...], Field(min_length=1)]

    @field_validator("pairs")
    @classmethod
    def _named_once(cls, pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
        each_once((pair.name for pair in pairs), "each pair is looked at once")
        return pairs

    @property
    def tried(self) -> tuple[Pair, ...]:
        return self.pairs

    def placed(self, find: Callable[[str, str], str]) -> "FewLabels":
        found = [placed(pair.codes, partial(find, "codes")) for pair in self.pairs]
        pairs = tuple(
            pair.model_copy(update={"codes": codes})
            for pair, codes in zip(self.pairs, found, strict=True)
        )
        return super().placed(find).model_copy(update={"pairs": pairs})

    def with_encoders(self, sources: Sequence[str]) -> "Labels":
        more = [pair for source in dict.fromkeys(sources) for pair in pairs_of(source)]
        pairs = (*self.pairs, *(pair for pair in more if pair not in self.pairs))
        return Labels.model_validate(self.model_dump() | {"pairs": pairs})

    def without(self, run: str) -> "Labels | None":
        left = tuple(pair for pair in self.pairs if pair.run != run)
        if all(pair.using.oracle for pair in left):
            return None
        return self.model_copy(update={"pairs": left})

    def parts(self) -> dict[str, Question]:
        return self.each_pair()

    def measure(self, runs: Runs) -> Measurement:
        train, test = runs.train, runs.test
        if self.draws_file is not None and self.draws_content != file_sha256(Path(self.draws_file)):
            raise ImagesError(f"{self.draws_file} changed while the study ran; run it again")
        given = known(train, test, self.drawn(train, test))
        drawn, n_draws = given.drawn, len(given.trials[0])
        counts = [
            np.bincount(trial.y, minlength=train.n_classes) for d in given.trials for trial in d
        ]
        pairs = {
            pair.name: measured(pair, given, train.n_classes, runs)
            for pair in part_by_part(self.pairs)
        }
        table = numbers.Trials(
            np.repeat(drawn.budgets, n_draws),
            np.tile(np.arange(n_draws), len(drawn.budgets)),
            np.array([count.sum() for count in counts]),
            np.array([count.min() for count in counts]),
            {name: columns for name, (columns, _) in pairs.items()},
        )
        return Measurement.of(
            numbers.Numbers(
                per_class=drawn.unit == "per class",
                pooled=given.within,
                copies=len(found_in_both(train, test)),
                unlabelled=int(np.sum(given.pool_truth == UNLABELLED)),
                class_counts=train.class_counts,
                truth=given.new_truth[:0] if given.within else given.new_truth,
                by_pair={name: rest for name, (_, rest) in pairs.items()},
                trials=table,
            )
        )

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        seeds = Seeds.of(numbers.Numbers, measured)
        return numbers.Curves(seeds, self.pairs, setting.source, setting.class_names)
