"""A question: what it needs, how it measures, how it decides, how it is drawn."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import field_validator

from tacit.encoders.inputs import Inputs
from tacit.evidence.checkpoint import Store
from tacit.images.dataset import Images
from tacit.models.config import Table
from tacit.models.pretrained import PretrainedNetwork
from tacit.questions.finding import Finding
from tacit.questions.setting import Setting
from tacit.questions.shared.rates import stated
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.words import ONE_SEED
from tacit.questions.typed import Measurement
from tacit.questions.verdicts import Said, alert, not_finished
from tacit.training.run_folder import SavedRun
from tacit.training.views import Views

Arrays = dict[str, NDArray[np.generic]]
Codes = NDArray[np.float32]
N = TypeVar("N")
Q = TypeVar("Q", bound="Question")


class Trainable(NamedTuple):
    """A network from elsewhere, and the training and test images as it reads them."""

    network: PretrainedNetwork
    train: Inputs
    test: Inputs


def _none_made(encoder: str) -> Any:
    raise KeyError(f"nothing of '{encoder}' was made for this measurement")


@dataclass(eq=False)
class Runs:
    """The trained runs of one seed, and the images they learned from and are tested on.

    Attributes:
        saved: by name, all draws of a run.
        keep: a folder for what a long measurement has finished so far, so that an interrupted one
            goes on from there; it is emptied when the measurement is whole. None keeps nothing.
        features: codes of the training and the test images by an encoder from elsewhere.
        network: of an encoder from elsewhere, and what it reads of the images.
    """

    seed: int
    train: Images
    test: Images
    saved: Mapping[str, Sequence[SavedRun]]
    keep: Path | None = None
    features: Callable[[str], tuple[Codes, Codes]] = _none_made
    network: Callable[[str], Trainable] = _none_made

    def __getitem__(self, name: str) -> SavedRun:
        """The run of that name; of several draws the first."""
        return self.saved[name][0]

    def draws(self, name: str) -> Sequence[SavedRun]:
        """All draws of a run, in order."""
        return self.saved[name]

    def kept(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """What `compute` gives; an interrupted measurement does not compute it again.

        name: of the file, for these arrays alone; the same measurement computes the same.
        """
        if self.keep is None:
            return compute()
        store = Store(self._file(name), name)
        found = store.load()
        if found is not None:
            return {key: tensor.numpy() for key, tensor in found.items()}
        arrays = compute()
        store.save(last=True, **{key: torch.from_numpy(np.asarray(a)) for key, a in arrays.items()})
        return arrays

    def has_kept(self, name: str) -> bool:
        """Whether an interrupted measurement has left what `kept` would compute."""
        return self.keep is not None and self._file(name).exists()

    def _file(self, name: str) -> Path:
        assert self.keep is not None
        return self.keep / f"{name}.safetensors"

    @cache  # noqa: B019  # lives as long as one measurement
    def images_of(self, run: SavedRun) -> Images:
        """The images that a run learned from."""
        return self.train if run.train_index is None else self.train.take(run.train_index)

    def splits(self, run: SavedRun) -> dict[str, Images]:
        """The images that a run learned from, and the test images."""
        return {"train": self.images_of(run), "test": self.test}


def index_of(run: SavedRun, split: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of the study's images those at `rows` of one of a run's `Runs.splits` are."""
    return rows if split == "test" or run.train_index is None else run.train_index[rows]


class Learns:
    """Of a field that names a run, or several: what a run may be that it names.

    Kinds are what a run learns: "autoencoder", "classifier", "vae", or closer "amortized vae" and
    "per-image vae".
    """

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds


class Question(Table):
    """One question of a study; its fields are its arguments in the study's file.

    A subclass says `name`, `title`, `asks`, by which rule it decides, and whether it needs labels.
    It lies in the module `question` of a folder, where `tacit.questions.registry` finds it.

    Attributes:
        heading: shown in place of the title, where a study asks the same question twice.
    """

    heading: str = ""

    name: ClassVar[str]
    title: ClassVar[str]
    asks: ClassVar[str]
    rules: ClassVar[tuple[str, ...]] = ()
    """The names of the rules that make its sentences, whose error rates are told with them."""
    sources: ClassVar[tuple[str, ...]] = ()
    needs_labels: ClassVar[bool] = False
    takes_encoders: ClassVar[bool] = False
    """Whether encoders from elsewhere may be compared in it."""
    as_trained: ClassVar[bool] = False
    """Whether the verdict is on models as they are, so that it stands where training goes on."""
    quick: ClassVar[Mapping[str, int]] = {}
    """Arguments that a quick look limits, and the most that they are then."""
    reads_features: ClassVar[bool] = False
    """Whether runs may be looked at whose codes come from elsewhere, and not from pixels."""
    weight: ClassVar[float] = 1.0
    """Roughly how much work measuring is, in passes over the training images."""

    def quickly(self) -> "Question":
        """This question with its `quick` arguments no larger than there."""
        given = self.model_dump()
        return type(self).model_validate(
            given | {name: min(given[name], most) for name, most in self.quick.items()}
        )

    @property
    def label_draws(self) -> int:
        """How many choices of few labels the question makes by itself."""
        return 0

    def work(self, n_images: int) -> float:
        """Roughly how much work measuring is, in images that the study's networks look at.

        By default `weight` passes over the `n_images` training images.
        """
        return self.weight * n_images

    def needs(self) -> dict[str, tuple[str, ...]]:
        """The runs that are looked at, each with the kinds of model it may be, as `Learns` says."""
        found: dict[str, tuple[str, ...]] = {}
        for _, named, kinds in self._named():
            found |= dict.fromkeys([named] if isinstance(named, str) else named or (), kinds)
        return found

    def _named(self) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
        """Each field that names runs, what it holds, and what these may be."""
        for name, one in type(self).model_fields.items():
            for told in one.metadata:
                if isinstance(told, Learns):
                    yield name, getattr(self, name), told.kinds

    def encoders(self) -> tuple[str, ...]:
        """The encoders from elsewhere whose features are looked at, by what names them."""
        return ()

    def viewed(self) -> Mapping[str, Views]:
        """Which of these are asked for features of test pictures under views as well, and which."""
        return {}

    def placed(self, find: Callable[[str, str], str]) -> "Question":
        """With every file that it names where `find` says that it lies.

        find: called with the setting's name, for messages, and the path that was written.
        """
        return self

    def contents(self) -> Mapping[str, str]:
        """What is in the files that it names, as hashes by path: a job is known by that."""
        return {}

    def trained_encoders(self) -> tuple[str, ...]:
        """Those of `encoders` whose networks are trained on."""
        return ()

    def without(self, run: str) -> "Question | None":
        """This question asked without a run that it can do without; None where it cannot.

        Called where a run is left out of the study, such as a classifier where the images have no
        labels. By default it can do without what a field names that may be None, and without one of
        several that a field names.
        """
        for name, named, _ in self._named():
            if isinstance(named, tuple) and run in named and len(named) > 1:
                left = tuple(one for one in named if one != run)
                return self.model_copy(update={name: left})
            if named == run and not type(self).model_fields[name].is_required():
                return self.model_copy(update={name: None})
        return None

    def parts(self) -> dict[str, "Question"]:
        """The questions, by a label for people, whose measurements together are this one's.

        Each is measured as a job of its own, reused while what it asks stays the same; their
        numbers and arrays are named apart. By default the whole question is one.
        """
        return {"": self}

    def errors(self, runs: Mapping[str, Any]) -> Iterable[str]:
        """What is wrong with asking this of these runs of a study, beyond their kinds.

        Args:
            runs: the settings of the runs of `needs` by name, as the study's file has them.
        """
        return ()

    def check(self, train: Images, test: Images) -> None:
        """See that this can be asked of these images, before anything is trained.

        Raises:
            ValueError: why not, and what to do.
        """

    @classmethod
    def room(cls, name: str) -> Any:
        """One of the modules that lie beside the question: "numbers", "words" or "figures"."""
        return import_module(f"{cls.__module__.rpartition('.')[0]}.{name}")

    def measure(self, runs: Runs) -> Measurement:
        """Numbers from the models of one seed. Deterministic: all noise comes from `runs.seed`.

        By default what the room of numbers gives as its `measure`, which are its `Numbers`.
        """
        return Measurement.of(self.room("numbers").measure(runs, self))

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        """What the measurements of all seeds come to, as words and figures read it.

        By default the `Found` of the room of numbers, which is an `OverSeeds`.
        """
        numbers = self.room("numbers")
        return numbers.Found(Seeds.of(numbers.Numbers, measured), self, setting)

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        """The finding, in words made from the numbers of all seeds, with its figures drawn.

        The room of words has a `headline` of what was found, maybe `sentences`, `caveats`, `alerts`
        and a `table`, and the rule: `DECIDED_BY`, or `decided_by` where it is not the same for
        every study. That of figures has `draw`, and maybe `tables`. What was found has `numbers`,
        the important ones first, figures come in reading order. Empty sentences, caveats and alerts
        are left out, as are numbers that are None. How often the rule errs is added to it, and of
        one seed that it is one.

        There is no verdict where training of one of the runs that it rests on had not finished, but
        for questions about models `as_trained`.
        """
        words, figures = self.room("words"), self.room("figures")
        found = self.found(measured, setting)

        def told(room: Any, part: str, *more: Setting) -> Any:
            return getattr(room, part)(found, *more) if hasattr(room, part) else ()

        said: Said = words.headline(found)
        falling = setting.unfinished
        unfinished = {run: falling[run] for run in self.needs() if run in falling}
        rested = self.needs() if said.runs is None else said.runs
        resting = {run: falling[run] for run in rested if run in falling}
        headline, rules = said.headline, self.rules
        if unfinished and not self.as_trained:
            rules = (*rules, "unfinished")
        if resting and not self.as_trained:
            said = not_finished(said, resting)
            headline = f"{said.headline} As far as it went: {headline}"
        decided_by = told(words, "decided_by") or words.DECIDED_BY
        tables = told(figures, "tables", setting) or told(words, "tables")
        if not tables and hasattr(words, "table"):
            tables = (words.table(found),)
        falls = (alert(run, still) for run, still in unfinished.items())
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=" ".join(filter(None, [headline, *told(words, "sentences")])),
            numbers={name: number for name, number in found.numbers.items() if number is not None},
            runs=tuple(self.needs()),
            decided_by=f"{decided_by} {stated(rules)}".strip(),
            figures=tuple(figures.draw(found, setting)),
            tables=tuple(tables),
            caveats=(*filter(None, told(words, "caveats")), *[ONE_SEED] * (len(measured) == 1)),
            sources=self.sources,
            key=said.key,
            verdict=said.verdict,
            headline=said.headline,
            label=said.label,
            alerts=(*falls, *filter(None, told(words, "alerts"))),
        )


@dataclass(frozen=True)
class OverSeeds(Generic[N, Q]):
    """What a question's measurements of all seeds come to.

    Attributes:
        seeds: what was measured. asked: the question. setting: what else is known of the study.
    """

    seeds: Seeds[N]
    asked: Q
    setting: Setting

    @property
    def first(self) -> N:
        """What was measured on the first seed, and what is the same for every seed."""
        return self.seeds.first


def each_once(names: Iterable[str], why: str) -> None:
    """See that no name stands twice.

    Raises:
        ValueError: one does; `why` it may not.
    """
    names = list(names)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names '{twice[0]}' twice; {why}")


class OfRuns(Question):
    """A question of several runs, asked of those that there are.

    Attributes:
        runs: each once; a subclass says as `Learns` what each of them may be.
    """

    fewest: ClassVar[int] = 1
    """It is not asked of fewer."""

    runs: tuple[str, ...]

    @field_validator("runs")
    @classmethod
    def _enough_and_each_once(cls, runs: tuple[str, ...]) -> tuple[str, ...]:
        each_once(runs, "each run is looked at once")
        if len(runs) < cls.fewest:
            raise ValueError(f"names {len(runs)} of the {cls.fewest} runs or more that it takes")
        return runs

    def without(self, run: str) -> Question | None:
        left = tuple(name for name in self.runs if name != run)
        return self.model_copy(update={"runs": left}) if len(left) >= self.fewest else None
