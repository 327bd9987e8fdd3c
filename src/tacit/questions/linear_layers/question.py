"""Does an autoencoder's middle linear layer earn its place?"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tacit.figures.charts import Panel, Series, curves, paired_differences
from tacit.figures.grids import grid
from tacit.figures.sink import Figure
from tacit.measures.distances import Floats
from tacit.measures.formatting import percent, show, significant
from tacit.measures.intervals import bootstrap_mean, decide, mean_t, paired
from tacit.measures.number import Number
from tacit.models.models import Autoencoder
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding, Table
from tacit.questions.shared.outputs import comparable, one_per_class, reconstructions, terms
from tacit.streams import numpy_stream
from tacit.training.run_folder import SavedRun

TABLE = "table/test-images"
WHAT = "squared error per image"
POINTS_DRAWN = 200
LAYERS = {"with": "with the layer", "without": "without the layer"}


class LinearLayers(Question):
    """Test error of two autoencoders of the same code, paired on the same images and seeds.

    Attributes:
        with_layer: the autoencoder with its middle linear layer.
        without_layer: the same without it.
    """

    name: ClassVar[str] = "linear-layers"
    title: ClassVar[str] = "Do the linear layers earn their place?"
    asks: ClassVar[str] = (
        "Does the autoencoder reconstruct unseen images better with its middle linear layer than "
        "without, at the same code size?"
    )
    weight: ClassVar[float] = 0.5

    with_layer: str
    without_layer: str

    def needs(self) -> dict[str, tuple[str, ...]]:
        return {self.with_layer: ("autoencoder",), self.without_layer: ("autoencoder",)}

    def measure(self, runs: Runs) -> Measurement:
        found = Measurement()
        saved = {"with": runs[self.with_layer], "without": runs[self.without_layer]}
        rows = comparable(saved["with"], runs.test, "test")
        shown = one_per_class(runs.test)
        found.arrays[f"{TABLE}/index"] = rows
        if runs.test.labels is not None:
            found.arrays[f"{TABLE}/label"] = runs.test.labels[rows]
            found.arrays["pictures.class"] = runs.test.labels[shown]
        found.arrays["pictures.original"] = runs.test.pixels[shown]
        for way, run in saved.items():
            model = run.model()
            assert isinstance(model, Autoencoder)
            learned = runs.images_of(run)
            train = terms(run, learned, comparable(run, learned, "train"))["loss"]
            found.arrays[f"{TABLE}/squared-error.{way}"] = terms(run, runs.test, rows)["loss"]
            found.arrays[f"pictures.{way}"] = reconstructions(model, runs.test, shown)
            found.arrays[f"curve.{way}"] = _thinned(run)
            found.values |= {
                f"{way}.train": float(train.mean()),
                f"{way}.weights": float(sum(p.numel() for p in model.parameters())),
                f"{way}.code": float(run.config.latent_dim),
            }
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        seed, first = next(iter(measured.items()))
        error = {
            way: [m.arrays[f"{TABLE}/squared-error.{way}"].astype(float) for m in measured.values()]
            for way in LAYERS
        }
        numbers = _numbers(measured, error)
        difference, share = numbers["with-minus-without.squared-error"], numbers["difference-share"]
        weights = {way: int(first.values[f"{way}.weights"]) for way in LAYERS}
        shown = f"{show(difference, sign=True)}, {show(share, sign=True)} of the error without it"
        verdict = {
            "lower": f"The middle linear layer earns its place: with it the test error is lower "
            f"({shown}).",
            "higher": f"The middle linear layer does not earn its place: with it the test error is "
            f"higher ({shown}).",
            "not distinguishable": f"Whether the middle linear layer helps is not distinguishable: "
            f"the difference of test error is {shown}.",
            "undefined": f"Whether the middle linear layer helps is undecided: the difference of "
            f"test error is {shown}.",
        }[decide(difference)]
        falling = {way: numbers[f"{way}.still-falling"].value or 0.0 for way in LAYERS}
        units = (
            f"paired over {len(measured)} seeds"
            if len(measured) > 1
            else "paired over test images, given these two trained models"
        )
        words = [
            verdict,
            f"The squared error of a test image is {show(numbers['with.squared-error'])} with it "
            f"and {show(numbers['without.squared-error'])} without, {units}.",
            f"The network with it has {weights['with']:,} weights, the one without "
            f"{weights['without']:,}; over the last tenth of the updates the training loss still "
            f"fell by {percent(falling['with'])} with it and by {percent(falling['without'])} "
            "without.",
        ]
        caveats = [
            "The two networks differ in their number of weights as well as in the layer, and each "
            "was trained for the same number of updates, not until it was finished."
        ]
        if len(measured) == 1:
            caveats.append(
                "With one seed, a difference says which of these two models is better; another "
                "initialisation may turn it round."
            )
        codes = {way: int(first.values[f"{way}.code"]) for way in LAYERS}
        if codes["with"] != codes["without"]:
            caveats.insert(
                0,
                f"The codes differ in size, {codes['with']} and {codes['without']}: the difference "
                "is not that of the layer alone.",
            )
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=" ".join(words),
            numbers=numbers,
            runs=(self.with_layer, self.without_layer),
            decided_by=(
                "The paired difference of squared error on test images after the last update, over "
                "seeds (with one seed, over images): it is distinguishable where its 95 % interval "
                "excludes zero."
            ),
            figures=(
                _draw_curves(measured, setting),
                _draw_differences(seed, error, numbers, setting),
                _draw_pictures(seed, first, setting),
            ),
            tables=(
                Table(
                    "Squared error per image, summed over pixels in [0, 1]",
                    ("network", "run", "weights", "test", "training, mean"),
                    tuple(
                        (
                            LAYERS[way],
                            run,
                            weights[way],
                            numbers[f"{way}.squared-error"],
                            float(np.mean([m.values[f"{way}.train"] for m in measured.values()])),
                        )
                        for way, run in (("with", self.with_layer), ("without", self.without_layer))
                    ),
                ),
            ),
            caveats=tuple(caveats),
        )


def _numbers(
    measured: Mapping[int, Measurement], error: Mapping[str, list[Floats]]
) -> dict[str, Number]:
    if len(measured) > 1:
        means = {way: [values.mean() for values in error[way]] for way in LAYERS}
        base = np.array(means["without"])
        numbers = {
            "with-minus-without.squared-error": paired(means["with"], base),
            "difference-share": mean_t((np.array(means["with"]) - base) / base, unit="share"),
        }
        numbers |= {f"{way}.squared-error": mean_t(means[way]) for way in LAYERS}
    else:
        rng = numpy_stream(next(iter(measured)), "linear-layers", "bootstrap")
        over = "test images"
        differences, base_mean = error["with"][0] - error["without"][0], error["without"][0].mean()
        numbers = {
            "with-minus-without.squared-error": bootstrap_mean(
                differences, rng, over=f"{over}, paired", given="these two models"
            ),
            "difference-share": bootstrap_mean(
                differences / base_mean,
                rng,
                over=f"{over}, paired",
                unit="share",
                given="these two models and the mean error without the layer",
            ),
        }
        for way in LAYERS:
            numbers[f"{way}.squared-error"] = bootstrap_mean(error[way][0], rng, over=over)
    for way in LAYERS:
        falls = [_still_falling(found.arrays[f"curve.{way}"][1]) for found in measured.values()]
        numbers[f"{way}.still-falling"] = mean_t(falls, unit="share")
    return numbers


def _still_falling(loss: Floats) -> float:
    """By what share the loss fell from the last tenth but one of the updates to the last."""
    tenth = max(1, len(loss) // 10)
    before, last = loss[-2 * tenth : -tenth], loss[-tenth:]
    return 1 - float(last.mean() / before.mean()) if len(before) else 0.0


def _thinned(run: SavedRun) -> Floats:
    """Updates and mean losses of at most `POINTS_DRAWN` stretches of updates, (2, P)."""
    loss, every = np.array(run.history.loss), run.schedule.record_every
    stretches = np.array_split(np.arange(len(loss)), min(POINTS_DRAWN, len(loss)))
    return np.array([[every * (rows.mean() + 1), loss[rows].mean()] for rows in stretches]).T


def _draw_curves(measured: Mapping[int, Measurement], setting: Setting) -> Figure:
    series = []
    for colour, (way, label) in enumerate(LAYERS.items()):
        lines = np.stack([found.arrays[f"curve.{way}"] for found in measured.values()])
        series.append(
            Series(
                label,
                lines[0, 0],
                lines[:, 1].mean(axis=0),
                lines[:, 1].min(axis=0),
                lines[:, 1].max(axis=0),
                colour=colour,
            )
        )
    ends = "; ".join(
        f"{line.label} {significant(float(np.asarray(line.y)[-1]))}" for line in series
    )
    seeds = f"; bands reach over {len(measured)} seeds" if len(measured) > 1 else ""
    return setting.figures.chart(
        f"{setting.question}-loss",
        curves(Panel(series, x_label="updates", y_label=f"training loss, {WHAT}", log_y=True)),
        f"Loss of the batches by update, averaged over short stretches{seeds}.",
        f"Training loss by update, on a logarithmic axis; at the end: {ends}.",
    )


def _draw_differences(
    seed: int, error: Mapping[str, list[Floats]], numbers: Mapping[str, Number], setting: Setting
) -> Figure:
    differences = error["with"][0] - error["without"][0]
    worse = 100 * float(np.mean(differences > 0))
    mean = numbers["with-minus-without.squared-error"]
    return setting.figures.chart(
        f"{setting.question}-differences",
        paired_differences(
            differences,
            x_label=f"with − without, {WHAT}",
            number=mean,
            below="better with it",
            above="worse with it",
        ),
        f"The same test images under both models of seed {seed}; above the bars the mean "
        f"difference with its interval ({mean.interval}).",
        f"Differences of squared error image by image: {worse:.0f} % of the test images are "
        f"reconstructed worse with the layer; mean {show(mean)}.",
    )


def _draw_pictures(seed: int, first: Measurement, setting: Setting) -> Figure:
    rows = [first.arrays[f"pictures.{way}"] for way in ("original", *LAYERS)]
    classes = first.arrays.get("pictures.class", np.empty(0, np.int64))
    return setting.figures.grid(
        f"{setting.question}-outputs",
        grid(
            [list(row) for row in rows],
            row_labels=["original", *LAYERS.values()],
            column_labels=[setting.class_names[c] for c in classes],
        ),
        f"{'One test image of each class' if len(classes) else 'Test images'}, and what both "
        f"autoencoders of seed {seed} make of them.",
        f"{len(rows[0])} test images in the first row; below, their reconstructions with and "
        "without the middle linear layer.",
    )
