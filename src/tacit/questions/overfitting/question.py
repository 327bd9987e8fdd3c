"""Is a model overfitted: does it fit the images it learned from better than others?"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from tacit.measures.formatting import show
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding, Table
from tacit.questions.overfitting.figures import draw_gaps, draw_losses, draw_reconstructions
from tacit.questions.overfitting.measuring import is_per_image, measure_run
from tacit.questions.overfitting.numbers import (
    BETTER,
    KINDS,
    LOSSES,
    LOWER,
    NONE,
    OVERFITTED,
    UNDECIDED,
    Judged,
    finals,
    judge,
    loss_of,
)
from tacit.questions.shared.run_names import RunNames


class Overfitting(Question):
    """The gap between test and training loss, and whether the test loss turned.

    Attributes:
        runs: any kinds of model.
        refine_images, refine_steps: for VAEs without an encoder, how many images of each split
            get posteriors of their own, by how many steps.
    """

    name: ClassVar[str] = "overfitting"
    title: ClassVar[str] = "Is it overfitted?"
    asks: ClassVar[str] = (
        "Does each model fit the images that it learned from better than images that it has not "
        "seen, and did its test loss rise again while it learned?"
    )
    weight: ClassVar[float] = 3.0

    runs: Annotated[RunNames, Field(min_length=1)]
    refine_images: Annotated[int, Field(ge=2, le=10_000)] = 200
    refine_steps: Annotated[int, Field(ge=1, le=10_000)] = 100

    def needs(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.runs, ("autoencoder", "vae", "classifier"))

    def without(self, run: str) -> "Question | None":
        left = tuple(name for name in self.runs if name != run)
        return self.model_copy(update={"runs": left}) if left else None

    def measure(self, runs: Runs) -> Measurement:
        found = Measurement()
        for name in self.runs:
            first = runs[name]
            measure_run(
                found,
                f"run.{name}",
                f"table/{name}",
                name,
                runs,
                self.refine_images,
                self.refine_steps,
            )
            found.values[f"run.{name}/kind"] = float(KINDS.index(first.config.learn))
            found.values[f"run.{name}/loss"] = float(LOSSES.index(loss_of(first)))
            found.values[f"run.{name}/refined"] = float(is_per_image(first))
            found.values[f"run.{name}/beta"] = first.beta
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        judged = [judge(measured, run) for run in self.runs]
        numbers: dict[str, Number] = {}
        for name in ("gap", "rise", "turned", "accuracy_gap"):
            for one in judged:
                number = getattr(one, name)
                if number is not None:
                    numbers[f"{one.run}.{name.replace('_', '-')}"] = number
        figures = [draw_losses(judged, setting), draw_gaps(judged, setting)]
        pictured = [one for one in judged if one.kind != "classifier"]
        figures += [
            draw_reconstructions(one.run, number, one.refined, measured, setting)
            for number, one in enumerate(pictured, 1)
        ]
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=" ".join([_summary(judged), *(_sentence(one) for one in judged)]),
            numbers=numbers,
            runs=self.runs,
            decided_by=(
                "The gap is the mean loss per test image minus that per training image, after the "
                "last update and in evaluation mode: two independent samples of images (Welch) "
                "where there is one model, else Student's t over draws or seeds. A run is called "
                "overfitted where the gap's interval lies above zero and the test loss has also "
                "risen since its lowest, its interval above zero; that rise is read on other "
                "draws, seeds or images than those that chose the lowest. With a gap alone, it "
                "fits its training images better, as every model that learns does in some measure. "
                "Nothing else is chosen from a test curve: every other number is of the last "
                "update."
            ),
            figures=tuple(figures),
            tables=(self._table(judged, measured),),
            caveats=tuple(self._caveats(judged, measured)),
        )

    def _table(self, judged: list[Judged], measured: Mapping[int, Measurement]) -> Table:
        def final(run: str, split: str) -> float:
            return float(finals(measured, f"run.{run}/final.{split}.loss").mean())

        rows = tuple(
            (
                one.run,
                one.loss,
                final(one.run, "train"),
                final(one.run, "test"),
                one.gap,
                one.rise,
                one.verdict,
            )
            for one in judged
        )
        columns = ("run", "loss", "training", "test", "gap", "rise since lowest", "verdict")
        return Table("Loss per image after the last update", columns, rows)

    def _caveats(self, judged: list[Judged], measured: Mapping[int, Measurement]) -> list[str]:
        caveats = []
        first = next(iter(measured.values()))
        refined = [one.run for one in judged if one.refined]
        if refined:
            own = ", ".join(
                f"{np.mean([m.values[f'run.{run}/own-latents'] for m in measured.values()]):.1f} "
                f"nats for {run}"
                for run in refined
            )
            rising = ", ".join(
                f"{np.mean([m.values[f'run.{run}/still-rising'] for m in measured.values()]):.2f} "
                f"nats for {run}"
                for run in refined
            )
            caveats.append(
                f"{_list(refined)} {'has' if len(refined) == 1 else 'have'} no encoder: training "
                f"and test images both got new posteriors by the same {self.refine_steps} steps "
                "from mean 0 and log-variance 0 against the decoder of each snapshot. The gap is "
                "the decoder's; the negative ELBO of training images under the latents that were "
                f"learned with it is {own}. Over the last tenth of the steps the bound of training "
                f"images still rose by {rising}."
            )
            if any(first.values[f"run.{run}/beta"] != 1 for run in refined):
                caveats.append("Refinement maximises the ELBO itself, with β 1.")
        if len(measured) == 1 and any(one.gap.interval.endswith("this model") for one in judged):
            caveats.append(
                "With one seed, intervals over images are given this model: another training "
                "may turn out otherwise."
            )
        few = [one.run for one in judged if one.axis == "updates" and one.train.mean.shape[1] == 1]
        if few:
            caveats.append(
                f"{_list(few)} learned from one draw of few images: another draw may differ more "
                "than the interval says."
            )
        return caveats


def _summary(judged: list[Judged]) -> str:
    by_verdict = {
        verdict: [one.run for one in judged if one.verdict == verdict]
        for verdict in (OVERFITTED, BETTER, NONE, LOWER, UNDECIDED)
    }
    text = "; ".join(f"{verdict}: {_list(runs)}" for verdict, runs in by_verdict.items() if runs)
    return f"{text[0].upper()}{text[1:]}."


def _sentence(one: Judged) -> str:
    gap = {
        "higher": f"exceeds that of its training images by {show(one.gap)}",
        "lower": f"is below that of its training images: the difference is {show(one.gap)}",
        "not distinguishable": f"is not distinguishable from that of its training images "
        f"({show(one.gap, sign=True)})",
        "undefined": f"minus that of its training images is {show(one.gap, sign=True)}",
    }[decide(one.gap)]
    after = " after the same refinement" if one.refined else ""
    text = f"The {one.loss} of {one.run} on test images{after} {gap}"
    if one.turned.value is None:
        return f"{text}; it was lowest at the last evaluation."
    risen = {
        "higher": f"has risen by {show(one.rise)} since",
        "lower": f"has not risen since ({show(one.rise, sign=True)})",
        "not distinguishable": f"has not risen distinguishably since ({show(one.rise, sign=True)})",
        "undefined": f"has changed by {show(one.rise, sign=True)} since",
    }[decide(one.rise)]
    per_epoch = one.test.update[0] / one.test.x[0]
    when = f"update {one.turned.value:,.0f}"
    if one.axis == "epochs":
        when = f"epoch {one.turned.value / per_epoch:.3g} ({when})"
    if one.turned.low is not None and one.turned.high is not None:
        when += f" (between updates {one.turned.low:,.0f} and {one.turned.high:,.0f})"
    return f"{text}; it was lowest at {when} and {risen}."


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
