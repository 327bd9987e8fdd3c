"""What a VAE generates from N(0, I): how near to images it comes, and why it stays away."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from tacit.measures.engine import Measured, difference
from tacit.measures.images import nearest
from tacit.measures.number import Number
from tacit.models.models import VAE
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding
from tacit.questions.generation.figures import draw
from tacit.questions.generation.words import headline, words
from tacit.questions.shared.codes import (
    against_prior,
    counted,
    decoded,
    decoded_by_epoch,
    drawn,
    of_codes,
    posterior,
    prior_draws,
)
from tacit.questions.shared.sample_quality import (
    TRAINING,
    SampleQuality,
    contrast,
    largest_p,
    networks_of,
    no_better_than_one_class,
    null_quantile,
    on_features,
)
from tacit.streams import numpy_stream

SHOWN = 10
SAMPLES, RECONSTRUCTIONS, DRAWN = "samples", "reconstructions", "drawn codes"


class Generation(Question):
    """Samples at the snapshots, their distance to images, and the codes' distance to the prior.

    Attributes:
        run: a VAE.
        classifier: whose features the distance is measured on beside a random network's; where
            the images have no labels there is none.
    """

    name: ClassVar[str] = "generation"
    title: ClassVar[str] = "Do samples pass for images?"
    asks: ClassVar[str] = (
        "Does what the decoder makes of codes drawn from N(0, I) pass for images, and how near "
        "does it come to them?"
    )
    rules: ClassVar[tuple[str, ...]] = ("told-from-images", "nearer-images")
    sources: ClassVar[tuple[str, ...]] = (
        "Bińkowski et al. 2018 (kernel distance on features)",
        "Gretton et al. 2012 (MMD and its permutation null)",
        "Hoffman and Johnson 2016 (ELBO surgery)",
        "Poole et al. 2019 (both bounds on mutual information)",
        "Burda, Grosse and Salakhutdinov 2016 (active units)",
    )
    weight: ClassVar[float] = 1.0

    run: str
    classifier: str | None = None

    def needs(self) -> dict[str, tuple[str, ...]]:
        """The VAE, and the classifier where there is one."""
        known = {} if self.classifier is None else {self.classifier: ("classifier",)}
        return {self.run: ("vae",), **known}

    def without(self, run: str) -> "Generation | None":
        """The same on a random network's features alone, where the classifier is left out."""
        return self.model_copy(update={"classifier": None}) if run == self.classifier else None

    def measure(self, runs: Runs) -> Measurement:
        """Distances of samples, reconstructions and training images; codes against N(0, I)."""
        run = runs[self.run]
        learned = runs.images_of(run)
        quality = SampleQuality(runs, [learned], self.classifier)
        model = run.model()
        assert isinstance(model, VAE)
        z = prior_draws(model, max(quality.size, SHOWN), runs.seed)
        samples = decoded(model, z)
        means, log_vars = posterior(model, learned, quality.learned)
        codes = drawn(means, log_vars, numpy_stream(runs.seed, "drawn codes"))
        quality.add(RECONSTRUCTIONS, decoded(model, means))
        quality.add(DRAWN, decoded(model, codes))
        quality.add(SAMPLES, samples[: quality.size])

        found = quality.found
        apart = against_prior(run, learned)
        found.values |= {f"codes/{name}": value for name, value in apart.values.items()}
        found.arrays |= {f"codes/{name}": array for name, array in apart.arrays.items()}
        rows, squared = nearest(samples, learned.pixels)
        tested = runs.test.scaled(slice(0, quality.size))
        found.arrays |= {
            "nearest/test": np.sqrt(nearest(tested, learned.pixels)[1]),
            "table/samples/sample": np.arange(len(rows)),
            "table/samples/nearest-training-image": rows,
            "table/samples/distance": np.sqrt(squared),
            "table/dimensions/dimension": np.arange(model.latent_dim),
            "table/dimensions/kl": apart.arrays["kl-per-dimension"],
            "table/dimensions/aggregate-kl": apart.arrays["aggregate-kl"],
            "shown/nearest": learned.scaled(rows[:SHOWN]),
            "shown/final": samples[:SHOWN],
        }
        by_epoch = decoded_by_epoch(run, z[:SHOWN])
        found.arrays |= {f"shown/{name}": pictures for name, pictures in by_epoch.items()}
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        """Whether samples can be told from images, and what of it is the prior's doing."""
        numbers = self._numbers(measured)
        return self.finding(
            setting,
            measured,
            replace(headline(numbers, networks_of(measured)), runs=(self.run,)),
            numbers,
            answer=[words(numbers, networks_of(measured))],
            decided_by=(
                "Samples differ from images where a permutation test of their kernel distance to "
                "test images says so (p < 0.05 for every seed). The prior is a part of the reason "
                "where the interval of the samples' distance minus that of drawn codes lies "
                f"above zero, on {on_features(networks_of(measured)[0])}."
            ),
            figures=draw(self.run, measured, numbers, setting),
            caveats=(
                *no_better_than_one_class(measured),
                "Samples and reconstructions are decoded means, not noisy draws of p(x | z): they "
                "lack the model's pixel noise, and images have their own.",
                "Drawn codes are one draw of q(z | x) for each training image, as the decoder saw "
                "them while it learned: N(0, I) would serve as well if the codes of all images "
                "together were distributed like it. Reconstructions are from posterior means.",
                "The kernel distance (unbiased MMD², cubic kernel) is in units of its features, "
                "centred on and scaled to those of training images; values on two networks do "
                "not compare. It is unbiased, so near zero it may be negative; there its interval "
                "is rough, and the permutation test decides.",
                "Decoded means are smoother than images, which alone brings them nearer to their "
                "nearest training image.",
                "A unit counts as active where its posterior mean varies over images by more than "
                "0.01. Codes initialised from N(0, I) make every unit active before anything is "
                "learned; see the value at the start.",
                f"Mutual information is bounded over {_n_codes(measured):,} images: from below by "
                "weighing a code against all of them, which cannot exceed the logarithm of their "
                "number, from above by weighing it against the others alone. All codes together "
                "are said to differ from N(0, I) only where more is left than codes leave that "
                "have the same variances and are exactly N(0, I) together (97.5 %, every seed).",
            ),
        )

    def _numbers(self, measured: Mapping[int, Measurement]) -> dict[str, Number]:
        numbers: dict[str, Number] = {}
        for network in networks_of(measured):
            numbers |= {
                f"{network}.samples-minus-drawn-codes": contrast(
                    measured, network, [SAMPLES], [DRAWN]
                ),
                f"{network}.samples": contrast(measured, network, [SAMPLES]),
                f"{network}.reconstructions": contrast(measured, network, [RECONSTRUCTIONS]),
                f"{network}.drawn-codes": contrast(measured, network, [DRAWN]),
                f"{network}.training-images": contrast(measured, network, [TRAINING]),
                f"{network}.null": null_quantile(measured, network, SAMPLES),
                f"{network}.p": largest_p(measured, network, SAMPLES),
            }
        return numbers | {
            "codes.kl": of_codes(measured, "kl", prefix="codes/"),
            "codes.mutual-information": of_codes(measured, "information", prefix="codes/"),
            "codes.ln-n": Number(
                float(np.log(_n_codes(measured))),
                n=_n_codes(measured),
                unit="nats",
                interval="exact",
            ),
            "codes.mutual-information-high": counted(
                measured, "codes/information-high", unit="nats"
            ),
            "codes.aggregate-kl": of_codes(measured, "marginal-kl", prefix="codes/"),
            "codes.aggregate-kl-low": counted(measured, "codes/marginal-kl-low", unit="nats"),
            "codes.aggregate-kl-null": counted(measured, "codes/marginal-kl-null", unit="nats"),
            "codes.aggregate-kl-beyond-null": Number(
                min(
                    m.values["codes/marginal-kl"] - m.values["codes/marginal-kl-null"]
                    for m in measured.values()
                ),
                n=len(measured),
                unit="nats",
                interval="the least of all seeds, no interval",
            ),
            "codes.aggregate-kl-one-dimension-each": counted(
                measured, "codes/one-dimension-kl", unit="nats"
            ),
            "codes.mmd": of_codes(measured, "mmd", prefix="codes/", unit=""),
            "codes.mmd-null": counted(measured, "codes/mmd-null"),
            "codes.active-units": counted(measured, "codes/active-units"),
            "codes.active-units-at-start": counted(measured, "codes/active-at-start"),
            "nearest.samples-minus-test-images": _nearest(measured),
        }


def _n_codes(measured: Mapping[int, Measurement]) -> int:
    return len(next(iter(measured.values())).arrays["codes/kl"])


def _nearest(measured: Mapping[int, Measurement]) -> Number:
    """How much farther samples lie from their nearest training image than test images do."""
    samples, tests = (
        Measured.of_seeds([m.floats(name) for m in measured.values()], names={"image": images})
        for name, images in (
            ("table/samples/distance", "samples"),
            ("nearest/test", "test images"),
        )
    )
    return difference(samples, tests).mean()
