"""The study behind ``tacit learn``: the built-in study's pairs, held to the labels at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tacit.commands.learn.pool import Pool
from tacit.commands.learn.table import Given
from tacit.commands.options import CommandError
from tacit.labels.methods import METHODS
from tacit.labels.pairs import BUILT_IN as BUILT_IN_CODES
from tacit.labels.pairs import Pair, fine_tuning, pair_named, pairs_of
from tacit.models.config import PerImageTable
from tacit.questions.label_efficiency.question import Labels
from tacit.questions.labels_within.question import LabelsWithin
from tacit.studies.description.errors import nearest
from tacit.studies.description.named import study_text
from tacit.studies.description.reading import parse
from tacit.studies.description.spec import ImagesTable, Run, Study
from tacit.studies.options import How, LearnOptions

NAME, BUILT_IN = "few-labels", "label-efficiency"


@dataclass(frozen=True)
class Asked:
    """What ``tacit learn`` is asked."""

    source: str
    options: LearnOptions
    how: How
    out: Path

    def command(self) -> list[str]:
        """The words of the command that makes all of it again."""
        return ["tacit", "learn", self.source, *self.options.words(), "--out", str(self.out)]


def study_of(asked: Asked, pool: Pool, given: Given) -> tuple[Study, LabelsWithin]:
    """The built-in study's runs and pairs that need no labels beyond those given.

    Raises:
        CommandError: `pairs` names what there is not.
    """
    study, questions = parse(study_text(BUILT_IN)[1], BUILT_IN)
    (built_in,) = (question for question in questions if isinstance(question, Labels))
    able = _with_networks([pair for pair in built_in.pairs if _able(pair, study)])
    sources = asked.options.encoder or []
    elsewhere = [pair for source in dict.fromkeys(sources) for pair in pairs_of(source)]
    tuned = [Pair(codes=s, method=method) for s in sources for method in fine_tuning(s)]
    text, known = asked.options.pairs, [*able, *elsewhere, *tuned]
    if text is not None:
        pairs = _with_networks(_named(text, known, study), known)
    elif elsewhere:
        # Nothing is trained: what the encoders give, and what needs no encoder to compare with.
        pairs = [pair for pair in able if pair.run is None and not pair.trains] + elsewhere
    else:
        pairs = able
    question = LabelsWithin(
        pairs=tuple(pairs),
        index=tuple(given.labelled.index.tolist()),
        classes=tuple(given.labelled.y.tolist()),
        class_names=given.class_names,
    )
    runs = {name: run for name, run in study.runs.items() if name in question.needs()}
    if asked.options.epochs is not None:
        short = {"epochs": asked.options.epochs, "updates": 0}
        runs = {name: run.model_copy(update=short) for name, run in runs.items()}
    n, n_labels = len(pool.images), len(given.labelled.y)
    changed = {
        "title": f"What {n_labels:,} labels say of {n:,} images",
        "expect": (
            f"Representations learned from all {n:,} images of {pool.images.source}, and methods "
            f"of using {n_labels:,} labels of {len(given.class_names)} classes on them, judged by "
            "these labels alone: what to use, what it makes of the rest, and what to label next."
        ),
        "images": ImagesTable(source=asked.source),
        "seeds": (asked.options.seed,),
        "runs": runs,
        "questions": (),
        "cover": "",
        "origins": {
            path: said
            for path, said in study.origins.items()
            if not path.startswith("runs.") or path.removeprefix("runs.") in runs
        },
    }
    return study.model_copy(update=changed), question


def _able(pair: Pair, study: Study) -> bool:
    """Whether a pair needs no more than the labels given, and has codes for new images."""
    return not pair.knows_more and (pair.run is None or _gives_codes(pair.run, study))


def _gives_codes(name: str, study: Study) -> bool:
    """Whether a run learns without labels, and has codes for new images."""
    run: Run = study.runs[name]
    return not (run.reads_class_labels or isinstance(run.posterior, PerImageTable))


def _with_networks(pairs: Sequence[Pair], known: Sequence[Pair] = ()) -> list[Pair]:
    """The pairs, and each whose network learns what one of them spreads, as `known` has it.

    Spread labels are of the images at hand. What is saved is a network, which is judged as itself.
    """
    found = list(pairs)
    networks = {method.then_trained for method in METHODS.values()}
    for pair in pairs:
        method = pair.using.then_trained
        if pair.encoder is not None:
            continue  # a head learns what is spread on its codes
        if not method or any((p.codes, p.method) == (pair.codes, method) for p in found):
            continue
        ready = [p for p in known if (p.codes, p.method) == (pair.codes, method)]
        alike = next((p.recipe for p in pairs if p.method in networks), {})
        given = pair.model_dump(exclude={"method", "recipe"})
        found += ready or [Pair(**given, method=method, recipe=alike)]
    return found


def _named(text: str, able: Sequence[Pair], study: Study) -> list[Pair]:
    """The study's pairs of these names, and any other representation with any other method."""
    known = {pair.name: pair for pair in able}
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    return [known[name] if name in known else _other(name, known, study) for name in names]


def _other(name: str, known: Mapping[str, Pair], study: Study) -> Pair:
    """A pair that the study does not have."""
    error = f"--pairs names '{name}', no pair{nearest(name, known)}"
    try:
        pair = pair_named(name)
    except ValueError as why:
        raise CommandError(f"{error}; or any other REPRESENTATION.METHOD: {why}") from None
    if (pair.run is not None and pair.run not in study.runs) or not _able(pair, study):
        codes = [*BUILT_IN_CODES, *(run for run in study.runs if _gives_codes(run, study))]
        raise CommandError(f"{error}; or any other method on {', '.join(codes)}")
    return pair
