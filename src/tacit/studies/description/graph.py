"""Runs as a graph: what comes from what, and in which order."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from tacit.questions.base import Question
from tacit.studies.description.errors import nearest
from tacit.studies.description.spec import Run

Path = tuple[int | str, ...]


def graph_errors(
    runs: Mapping[str, Run], questions: Mapping[int, Question]
) -> Iterator[tuple[Path, str]]:
    """What is wrong between runs, and between questions (by position) and runs, with its place."""
    for name, run in runs.items():
        for part in run.taken:
            path = ("runs", name, "decoder" if part.part == "decoder" else "encoder")
            if part.source in runs:
                for one in _misfits(run, part.part, runs[part.source]):
                    yield path, one
            else:
                missing = f"takes a part from '{part.source}', which is no run"
                yield (*path, "from"), missing + nearest(part.source, runs)
    circle = find_circle(runs)
    if circle:
        yield ("runs", circle[0]), f"{' takes from '.join(circle)}: a circle cannot be trained"
    for position, question in questions.items():
        place: Path = ("questions", position, question.name)
        for name, kinds in question.needs().items():
            if name not in runs:
                yield place, f"looks at '{name}', which is no run" + nearest(name, runs)
            elif runs[name].reads_features and not question.reads_features:
                yield (
                    place,
                    f"run '{name}' reads codes from elsewhere, and this question gives models "
                    "pixels; runs with an encoder of their own can be looked at",
                )
            elif kinds and not kinds_of(runs[name]) & set(kinds):
                wanted = " or ".join(f"'{kind}'" for kind in kinds)
                given = max(kinds_of(runs[name]), key=len)
                yield place, f"run '{name}' learns '{given}'; needed: {wanted}"
        if question.needs().keys() <= runs.keys():
            looked_at = {name: runs[name] for name in question.needs()}
            yield from ((place, one) for one in question.errors(looked_at))


def kinds_of(run: Run) -> set[str]:
    """What a run learns, as questions name it: "vae" is also "amortized vae" or "per-image vae"."""
    kinds = {str(run.learn)}
    return kinds | {f"{run.posterior.kind} vae"} if run.learn == "vae" else kinds


def _misfits(run: Run, part: str, source: Run) -> Iterator[str]:
    if part == "probabilities" and source.learn != "classifier":
        yield f"class probabilities come from a classifier, not from '{source.learn}'"
    if part != "decoder" and source.reads_features:
        yield "its encoder comes from elsewhere; name it here too, as 'pretrained'"
    elif part != "decoder" and source.pretrained:
        yield "its encoder is one from elsewhere that learned on, which no other run can take"
    if part == "decoder" and run.pretrained != source.pretrained:
        yield f"the decoder of '{run.decoder.source if run.decoder else ''}' reads other codes"
    if part == "encoder" and source.posterior.kind == "per-image":
        yield "a VAE with per-image codes has no encoder to take"
    if part == "decoder" and source.learn in ("classifier", "contrastive"):
        yield f"a {source.learn} model has no decoder to take"
    for key in ("network", "latent_dim"):
        mine, theirs = getattr(run, key), getattr(source, key)
        if mine != theirs:
            yield (
                f"the part does not fit: {key} is {_shown(mine)} here and {_shown(theirs)} "
                "where it comes from"
            )
    if 1 < source.draws < run.draws:
        yield f"{run.draws} draws here, only {source.draws} where it comes from"


def _shown(value: object) -> str:
    if not hasattr(value, "model_dump"):
        return str(value)
    table = value.model_dump()
    return ", ".join(f"{key} {entry}" for key, entry in table.items())


def find_circle(runs: Mapping[str, Run]) -> list[str]:
    """The names along a circle of runs that take from each other; empty where there is none."""
    try:
        _sorter(runs).prepare()
    except CycleError as error:
        # It goes from what is taken to who takes it, and begins anywhere.
        circle: list[str] = error.args[1][:0:-1]
        first = circle.index(min(circle, key=list(runs).index))
        return [*circle[first:], *circle[: first + 1]]
    return []


def in_order(runs: Mapping[str, Run]) -> list[str]:
    """Names of runs, each after those it takes parts from, and otherwise as the file has them."""
    sorter, place = _sorter(runs), list(runs).index
    sorter.prepare()
    order: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted((*ready, *sorter.get_ready()), key=place)
        order.append(ready.pop(0))
        sorter.done(order[-1])
    return order


def _sorter(runs: Mapping[str, Run]) -> TopologicalSorter[str]:
    return TopologicalSorter(
        {name: [p.source for p in run.taken if p.source in runs] for name, run in runs.items()}
    )


def downstream_of(runs: Mapping[str, Run], dropped: Iterable[str]) -> set[str]:
    """The given runs and all that take parts from them, directly or not."""
    gone = set(dropped)
    for name in in_order(runs):
        if any(part.source in gone for part in runs[name].taken):
            gone.add(name)
    return gone
