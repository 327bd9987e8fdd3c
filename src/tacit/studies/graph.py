"""Runs as a graph: what comes from what, and in which order."""

from collections.abc import Iterable, Sequence

from tacit.questions.base import Question
from tacit.studies.faults import nearest
from tacit.studies.spec import Run, Study


def faults_of_graph(study: Study, questions: Sequence[Question]) -> list[str]:
    """What is wrong between runs, and between questions and runs."""
    faults = []
    runs = study.runs
    for name, run in runs.items():
        for part in run.taken:
            path = f"runs.{name}.{'decoder' if part.part == 'decoder' else 'encoder'}"
            if part.source not in runs:
                faults.append(
                    f"{path}: takes a part from '{part.source}', which is no run"
                    + nearest(part.source, runs)
                )
                continue
            faults += _misfits(path, run, part.part, runs[part.source])
    circle = find_circle(runs)
    if circle:
        faults.append(f"runs: {' takes from '.join(circle)}: a circle, which cannot be trained")
    for question in questions:
        for name, kinds in question.needs().items():
            if name not in runs:
                faults.append(
                    f"questions.{question.name}: looks at '{name}', which is no run"
                    + nearest(name, runs)
                )
            elif kinds and runs[name].learn not in kinds:
                faults.append(
                    f"questions.{question.name}: run '{name}' learns '{runs[name].learn}'; "
                    f"needed: {' or '.join(kinds)}"
                )
    return faults


def _misfits(path: str, run: Run, part: str, source: Run) -> list[str]:
    faults = []
    if part == "probabilities" and source.learn != "classifier":
        faults.append(f"{path}: class probabilities come from a classifier, not '{source.learn}'")
    if part == "encoder" and source.posterior.kind == "per-image":
        faults.append(f"{path}: a VAE with per-image codes has no encoder to take")
    if part == "decoder" and source.learn == "classifier":
        faults.append(f"{path}: a classifier has no decoder to take")
    if part != "probabilities":
        for key in ("network", "code"):
            mine, theirs = getattr(run, key), getattr(source, key)
            if mine != theirs:
                faults.append(
                    f"{path}: the part does not fit: {key} is {_shown(mine)} here and "
                    f"{_shown(theirs)} where it comes from"
                )
    elif run.network != source.network or run.code != source.code:
        faults.append(
            f"{path}: the classifier does not fit: network {_shown(run.network)}, code {run.code} "
            f"here; {_shown(source.network)}, {source.code} where it comes from"
        )
    if source.draws > 1 and source.draws < run.draws:
        faults.append(f"{path}: {run.draws} draws here, only {source.draws} where it comes from")
    return faults


def _shown(value: object) -> str:
    if not hasattr(value, "model_dump"):
        return str(value)
    table = value.model_dump()
    return ", ".join(f"{key} {entry}" for key, entry in table.items())


def find_circle(runs: dict[str, Run]) -> list[str]:
    """The names along a circle of runs that take from each other; empty where there is none."""
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done or name not in runs:
            return []
        for part in runs[name].taken:
            circle = visit(part.source, (*trail, name))
            if circle:
                return circle
        done.add(name)
        return []

    for name in runs:
        circle = visit(name, ())
        if circle:
            return circle
    return []


def in_order(runs: dict[str, Run]) -> list[str]:
    """Names of runs, each after those it takes parts from."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for part in runs[name].taken:
                visit(part.source)
            order.append(name)

    for name in runs:
        visit(name)
    return order


def downstream_of(runs: dict[str, Run], dropped: Iterable[str]) -> set[str]:
    """The given runs and all that take parts from them, directly or not."""
    gone = set(dropped)
    for name in in_order(runs):
        if any(part.source in gone for part in runs[name].taken):
            gone.add(name)
    return gone
