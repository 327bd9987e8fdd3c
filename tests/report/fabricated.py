"""A study that was never run: findings of every kind, with figures of real digits."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from tacit.figures import charts
from tacit.figures.charts import Panel, Series
from tacit.figures.grids import grid
from tacit.figures.sink import Figures
from tacit.measures.number import Number
from tacit.questions.finding import Finding, Table
from tacit.report.page import on_card
from tacit.report.provenance import (
    ImagesUsed,
    JobDone,
    LeftOut,
    Provenance,
    RunUsed,
    SettingUsed,
)
from tacit.report.results import write_records

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'\x00$\\alpha"


def nats(value: float, half: float, over: str = "95 % t over 3 seeds", n: int = 3) -> Number:
    return Number(value, value - half, value + half, n, "nats", over)


def share(value: float, half: float, n: int = 10) -> Number:
    over = f"95 % t over {n} draws, given this pretraining and test set"
    return Number(value, value - half, value + half, n, "accuracy", over)


def fabricate(folder: Path, class_names: tuple[str, ...] = tuple("0123456789")) -> None:
    """Write the records and figures of a fabricated study into `folder`."""
    random = np.random.default_rng(0)
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)
    classes = [images[digits.target == digit] for digit in range(10)]
    figures = Figures(folder / "figures")
    findings = (
        classifier(figures, random, class_names, classes),
        overfitting(figures, random, classes),
        inference(figures, random, classes),
        likelihood(figures, random, class_names, classes),
        transfer(figures, random),
    )
    for finding in findings:
        if (figure := on_card(finding, "")) is not None:
            figures.keep_small(figure)
    write_records(folder, provenance(), findings)


def blurred(image: np.ndarray, amount: float) -> np.ndarray:
    """Something like a reconstruction."""
    around = sum(np.roll(image, step, axis) for step in (-1, 1) for axis in (0, 1)) / 4
    return np.clip((1 - amount) * image + amount * around, 0, 1)


def classifier(figures, random, names, classes):
    counts = np.diag(random.integers(30, 36, 10)) + (random.random((10, 10)) < 0.06)
    epochs = np.arange(1, 31)
    return Finding(
        "classifier",
        "How well does the classifier do?",
        "What share of the test images does a classifier that saw all labels get right?",
        "The classifier gets 98.3 % of the test images right. Most often it takes "
        f"'{names[8]}' for '{names[1]}'.",
        {
            "test_accuracy": Number(0.983, 0.979, 0.987, 3, "accuracy", "95 % t over 3 seeds"),
            "train_accuracy": Number(0.9996, 0.999, 1.0, 3, "accuracy", "95 % t over 3 seeds"),
            "test_loss": nats(0.071, 0.012),
        },
        ("classifier",),
        "Accuracy on the test images after the last epoch; nothing is chosen from test curves.",
        (
            figures.chart(
                "classifier-curves",
                charts.curves(
                    Panel(
                        [
                            Series("train", epochs, 1.9 * np.exp(-epochs / 4) + 0.01),
                            Series("test", epochs, 1.8 * np.exp(-epochs / 4) + 0.07),
                        ],
                        "epoch",
                        "cross-entropy, nats per image",
                        "Loss",
                    ),
                    Panel(
                        [
                            Series("train", epochs, 100 - 60 * np.exp(-epochs / 2.5)),
                            Series("test", epochs, 98.3 - 60 * np.exp(-epochs / 2.5)),
                        ],
                        "epoch",
                        "accuracy, %",
                        "Accuracy",
                    ),
                ),
                "Loss and accuracy by epoch, mean of three seeds.",
                "Two panels. Test loss falls from 1.5 to 0.07 nats over 30 epochs, "
                "test accuracy rises from 58 to 98.3 %.",
            ),
            figures.chart(
                "classifier-confusion",
                charts.confusion(counts, names),
                "True classes in rows, answers in columns; the first seed.",
                "Confusion matrix of ten classes; nearly all images lie on the diagonal.",
            ),
        ),
        key="test_accuracy",
    )


def overfitting(figures, random, classes):
    epochs = np.arange(1, 31)
    rows = [[images[0] for images in classes]]
    rows += [[blurred(i[0], amount) for i in classes] for amount in (0.95, 0.7, 0.5, 0.35, 0.25)]
    return Finding(
        "overfitting",
        "Is the VAE overfitted?",
        "How much worse does the VAE explain images it has not learned from?",
        "A little: test images lose 6.2 nats of ELBO against training images after 30 epochs. "
        "The test loss never turned, so stopping earlier would have gained nothing.",
        {
            "gap": nats(6.2, 1.4),
            "gap_at_epoch_5": nats(0.9, 1.1),
            "turning_epoch": Number(None, interval="undefined: the test loss never turned"),
        },
        ("vae",),
        "Overfitted where the interval of the gap lies above zero; two samples of images, "
        "Student t over seeds.",
        (
            figures.grid(
                "reconstructions",
                grid(
                    rows,
                    row_labels=["original", *(f"epoch {e}" for e in (1, 5, 10, 20, 30))],
                    column_labels=[str(digit) for digit in range(10)],
                ),
                "One test image of each class, and its reconstruction by the VAE after 1, 5, 10, "
                "20 and 30 epochs, from the posterior mean.",
                "Ten digits in columns; below each its reconstruction, blurred after epoch 1 and "
                "sharp from epoch 20 on.",
            ),
            figures.chart(
                "overfitting-gap",
                charts.curves(
                    Panel(
                        [
                            Series("train", epochs, 62 - 80 * np.exp(-epochs / 6), split="train"),
                            Series(
                                "test",
                                epochs,
                                (y := 56 - 78 * np.exp(-epochs / 6)),
                                y - 2,
                                y + 2,
                                split="test",
                            ),
                            Series("100 images", epochs, 30 - 50 * np.exp(-epochs / 9)),
                        ],
                        "epoch",
                        "ELBO, nats per image",
                        levels=[(58.5, "mean image")],
                        marks=[(20, "snapshot shown")],
                    )
                ),
                "ELBO on train and test images by epoch; the band is the interval over seeds.",
                "The training curve ends at 61 nats, the test curve at 55.",
            ),
        ),
        (
            Table(
                "The gap at the snapshot epochs",
                ("epoch", "train", "test", "gap"),
                tuple(
                    (e, nats(60 - 60 / e, 1), nats(58 - 60 / e, 1.2), nats(2 - 1 / e, 0.8))
                    for e in (1, 5, 10, 20, 30)
                ),
            ),
            Table(
                "As many numbers in a row as any table of tacit has",
                ("run", *(f"kernel distance, {k}" for k in range(7))),
                tuple(
                    (f"per-image-{n}", *(nats(0.573 + k / 7, 0.061) for k in range(7)))
                    for n in range(3)
                ),
            ),
        ),
        ("Three seeds make wide intervals; the gap is that of this training set.",),
    )


def inference(figures, random, classes):
    differences = random.normal(11, 9, 500)
    updates = np.array([1, 3, 10, 30, 100, 300])
    return Finding(
        "inference",
        "Which way infers better codes?",
        "Does one shared encoder find better codes than optimising the code of each image?",
        "The shared encoder, in 30 epochs: its ELBO is 11.3 nats higher, and better for 89 % of "
        "the images. Refined to convergence the difference shrinks to 2.1 nats, so most of it is "
        "optimisation that was not finished.",
        {
            "elbo_difference": nats(11.3, 0.8, "95 % bootstrap over 500 images", 500),
            "elbo_difference_refined": nats(2.1, 0.4, "95 % bootstrap over 500 images", 500),
            "share_better": Number(0.89, 0.86, 0.92, 500, "share", "95 % Wilson over 500 images"),
        },
        ("vae", "per-image", "per-image-slow"),
        "Better where the paired interval excludes zero, before and after refinement.",
        (
            figures.chart(
                "inference-pairs",
                charts.paired_differences(
                    differences,
                    x_label="ELBO, shared encoder minus per image, nats",
                    number=nats(11.3, 0.8),
                    below="per image better",
                    above="encoder better",
                ),
                "The difference of each of 500 training images; the dot above is the mean with "
                "its interval.",
                "Histogram of differences centred at 11 nats; 89 % lie above zero.",
            ),
            figures.chart(
                "inference-updates",
                charts.curves(
                    *(
                        Panel(
                            [
                                Series("encoder", updates, np.log(updates) * 9 - 10, points=True),
                                Series(
                                    "per image", updates, np.log(updates) * 11 - 40, points=True
                                ),
                            ],
                            "updates per image",
                            "ELBO, nats",
                            title,
                            log_x=True,
                        )
                        for title in ("16 dimensions", "64 dimensions", "200 dimensions")
                    )
                ),
                "ELBO against the number of updates that each image's code has had.",
                "Three panels; the per-image curve starts 30 nats lower and closes in.",
            ),
        ),
        caveats=(
            "The per-image posterior has moved only 30 times in 30 epochs.",
            "A decoder trained on unfinished codes stays worse after refinement.",
        ),
        sources=("Cremer, Li and Duvenaud 2018, Inference suboptimality in VAEs",),
    )


def likelihood(figures, random, names, classes):
    means = np.linspace(400, 452, 10)[random.permutation(10)]
    over = "95 % bootstrap over 100 images"
    return Finding(
        "log-probability",
        "How likely is an image?",
        "Which class is most likely under the model, and are training images likelier?",
        f"Class '{names[1]}' is the most likely, and distinguishable from the next. Training "
        "images are not distinguishable from test images.",
        {
            "train_minus_test": nats(1.1, 2.6, over, 1000),
            "bits_per_dimension": Number(
                None, interval="undefined: the density is continuous and was not dequantised"
            ),
        },
        ("vae",),
        "Distinguishable where the interval of the difference excludes zero.",
        (
            figures.chart(
                "likelihood-classes",
                charts.intervals(
                    names,
                    {
                        "train": [nats(m, 4, over, 100) for m in means],
                        "test": [
                            Number(None, interval="no test image of this class")
                            if i == 3
                            else nats(m - 2, 4.5, over, 100)
                            for i, m in enumerate(means)
                        ],
                    },
                    x_label="mean log p(x), nats",
                    reference=428,
                    reference_label="mean of all",
                ),
                "Mean log p(x) of 100 images per class and split, with bootstrap intervals.",
                "Means between 400 and 452 nats; train and test intervals overlap in each class.",
            ),
            figures.grid(
                "likelihood-images",
                grid(
                    [[images[k] for images in classes] for k in (3, 8)],
                    row_labels=["train", "test"],
                    notes=[[f"{m + s:.0f}" for m in means] for s in (4, -3)],
                ),
                "One image of each class and its log p(x) in nats.",
                "Two rows of ten digits with values from 397 to 456 nats.",
            ),
            figures.chart(
                "likelihood-ink",
                charts.scatter(
                    {"classes": (random.normal(19, 2, 10), means)},
                    x_label="ink, mean of all pixels, %",
                    y_label="mean log p(x), nats",
                    names=names,
                ),
                "Classes with little ink are likelier.",
                "Ten labelled points, falling from upper left to lower right.",
            ),
        ),
        (
            Table(
                "What else varies by class",
                ("class", "log p(x)", "ink", "within-class variance", "log p of the mean image"),
                tuple(
                    (names[i], nats(means[i], 4), 0.1 + 0.01 * i, 3.2 - 0.1 * i, -80.5 - i)
                    for i in range(10)
                ),
            ),
        ),
        ("log p(x) is a lower bound in expectation; a missed mode would not be flagged.",),
        ("Burda, Grosse and Salakhutdinov 2016, Importance weighted autoencoders",),
    )


def transfer(figures, random):
    methods = {"from scratch": 0.871, "fine-tuned": 0.921, "frozen": 0.902}
    draws = {"": [random.normal(mean, 0.012, 10) for mean in methods.values()]}
    return Finding(
        "transfer",
        "What does transfer gain?",
        "Does an encoder that learned without labels help a classifier that has 100 of them?",
        "Yes: fine-tuning gains 5.0 points of accuracy over training from scratch.",
        {"gain": share(0.050, 0.011), "frozen_gain": share(0.031, 0.010)},
        ("few-classifier", "transferred", "transferred-frozen"),
        "A gain where the paired interval over the same ten draws excludes zero.",
        (
            figures.chart(
                "transfer-draws",
                charts.draws(
                    list(methods),
                    draws,
                    {"": [share(float(d.mean()), 0.009) for d in draws[""]]},
                    x_label="test accuracy",
                ),
                "Each draw of 100 labels is a dot; the bar is the mean with its interval.",
                "From scratch 87 %, frozen 90 %, fine-tuned 92 %; the draws hardly overlap.",
            ),
        ),
    )


def provenance() -> Provenance:
    return Provenance(
        study="inference",
        title="What a VAE learns from digits, and how its codes are best inferred",
        expects="Two ways to infer the code of an image, one shared encoder and one code "
        "optimised per image, are compared on the same decoder, and the likelihood of images "
        "is measured with its error.",
        images=ImagesUsed(
            "the digits of scikit-learn",
            "3f" * 32,
            1437,
            360,
            (1, 8, 8),
            10,
            "CC BY 4.0",
            "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
            ("Pixels 0 to 16 were mapped to 0 to 255.",),
        ),
        command="tacit run inference --images digits --seeds 3 --epochs 30 --out tacit-out",
        seeds=(0, 1, 2),
        draws=10,
        settings=(
            SettingUsed("snapshots", "1, 5, 10, 20, 30", "the report's text"),
            SettingUsed("epochs", "30", "given on the command line"),
            SettingUsed("latent dimensions", "200", "assumed", "as in published solutions"),
            SettingUsed("sigma", "0.2 on [0, 1]", "assumed", "0.4 on pixels in [-1, 1]"),
        ),
        runs=(
            RunUsed(
                "vae",
                "VAE, one encoder for all images",
                "",
                "1,437 images, 30 epochs",
                1,
                0.2,
                1_204_113,
            ),
            RunUsed(
                "per-image",
                "VAE, one posterior per image",
                "",
                "1,437 images, 30 epochs",
                1,
                0.2,
                1_104_113,
            ),
            RunUsed(
                "transferred", "classifier", "encoder from autoencoder", "100 images, 1,000 steps"
            ),
        ),
        jobs=(
            JobDone("vae · seed 0", "done", 12.31, 15210.0),
            JobDone("vae · seed 1", "reused"),
            JobDone("per-image · seed 2", "failed", 1.2, None, "the loss became NaN in batch 12"),
            JobDone("inference · seed 2", "blocked", cause="per-image · seed 2 failed"),
        ),
        versions=(("Python", "3.11.9"), ("torch", "2.13.0"), ("tacit", "0.1.0")),
        machine="2 cores, 1 thread per job, cpu",
        warnings=("3 images lie in train and in test.",),
        left_out=(LeftOut("samples beside their nearest image", "only two classes have images"),),
    )
