"""Which latent size do these images need?"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from tacit.evidence.elbo import elbo
from tacit.evidence.observed import observe
from tacit.images.dataset import Images
from tacit.measures.codes import active_units, directions
from tacit.measures.distances import Floats
from tacit.measures.images import squared_error
from tacit.measures.probes import linear_probe, nearest_training_code
from tacit.models.models import VAE, Autoencoder
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.code_size.figures import draw, table
from tacit.questions.code_size.numbers import LABELLED, TABLE, Sizes
from tacit.questions.code_size.words import words
from tacit.questions.finding import Finding
from tacit.questions.shared.codes import posterior
from tacit.questions.shared.outputs import labelled, one_per_class, reconstructions
from tacit.questions.shared.run_names import RunNames
from tacit.questions.shared.scoring import OVERALL, mean_images, picture_log_prob
from tacit.streams import torch_stream
from tacit.training.evaluation import sample_of

IMAGES, TRAINING_IMAGES, CODES = 5_000, 1_000, 5_000
"""At most so many test images are compared, training images evaluated beside them, and training
codes learned from."""

SAMPLES = 10
"""Draws of q(z | x) for each image's ELBO."""


class CodeSize(Question):
    """Autoencoders or VAEs that differ in the size of their code alone.

    Attributes:
        runs: two or more, all of one kind.
        tolerance: the share of what the best code gains over the mean training image that a smaller
            code may lose.
    """

    name: ClassVar[str] = "code-size"
    title: ClassVar[str] = "Which latent size?"
    asks: ClassVar[str] = (
        "How many latent dimensions do these images need, and what would more of them bring?"
    )

    runs: Annotated[RunNames, Field(min_length=2)]
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.01

    def needs(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.runs, ("autoencoder", "amortized vae"))

    def without(self, run: str) -> "CodeSize | None":
        left = tuple(name for name in self.runs if name != run)
        return self.model_copy(update={"runs": left}) if len(left) > 1 else None

    def errors(self, runs: Mapping[str, Any]) -> Iterator[str]:
        """Sizes are compared where nothing else differs, and no size stands twice."""
        first, *others = self.runs
        sizes = {runs[first].latent_dim: first}
        for name in others:
            for key in type(runs[first]).model_fields:
                if key != "latent_dim" and getattr(runs[name], key) != getattr(runs[first], key):
                    yield (
                        f"runs '{first}' and '{name}' differ in {key}; runs that are compared by "
                        "the size of their code differ in nothing else"
                    )
            if runs[name].latent_dim in sizes:
                same = sizes[runs[name].latent_dim]
                yield f"runs '{same}' and '{name}' both have a code of {runs[name].latent_dim}"
            sizes[runs[name].latent_dim] = name

    def check(self, train: Images, test: Images) -> None:
        """Dimensions are used where codes differ from image to image."""
        if len(train) < 2:
            raise ValueError(
                f"question '{self.name}' needs 2 training images or more, there is {len(train)}: "
                "which dimensions a code uses is seen from how it differs between images"
            )

    def measure(self, runs: Runs) -> Measurement:
        rows = sample_of(len(runs.test), "test", size=IMAGES)
        known, shown = labelled(runs.test), one_per_class(runs.test)
        known = known[sample_of(len(known), "test", size=IMAGES)]
        originals = runs.test.pixels[shown]
        found = Measurement(arrays={f"{TABLE}/index": rows, "pictures.original": originals})
        if runs.test.labels is not None:
            found.arrays[f"{TABLE}/label"] = runs.test.labels[rows]
            found.arrays["pictures.class"] = runs.test.labels[shown]
            found.arrays[f"{LABELLED}/index"] = known
            found.arrays[f"{LABELLED}/label"] = runs.test.labels[known]
        mean_image = mean_images(runs.images_of(runs[self.runs[0]]), [])[OVERALL]
        for name in self.runs:
            run = runs[name]
            model, learned = run.model(), runs.images_of(run)
            assert isinstance(model, VAE | Autoencoder)
            values = objectives(model, runs.test, rows, runs.seed, "test")
            found.arrays |= {f"{TABLE}/{name}.{key}": column for key, column in values.items()}
            seen = sample_of(len(learned), "train", size=TRAINING_IMAGES)
            train = objectives(model, learned, seen, runs.seed, "train")
            index = sample_of(len(learned), "codes", size=CODES)
            codes, _ = posterior(model, learned, index)
            is_vae = isinstance(model, VAE)
            used = int(active_units(codes).sum()) if is_vae else directions(codes)
            found.values |= {
                f"{name}/code": float(run.config.latent_dim),
                f"{name}/used": float(used),
                f"{name}/weights": float(sum(p.numel() for p in model.parameters())),
                f"{name}/mean-image": _of_one_picture(model, runs.test, rows, mean_image),
                **{f"{name}/train.{key}": float(column.mean()) for key, column in train.items()},
            }
            if learned.labels is not None and len(known):
                found.arrays |= {
                    f"{LABELLED}/{name}.{way}": correct.astype(np.int64)
                    for way, correct in self._told(model, learned, index, codes, runs.test, known)
                }
            found.arrays[f"pictures.{name}"] = reconstructions(model, runs.test, shown)
        return found

    def _told(
        self,
        model: VAE | Autoencoder,
        learned: Images,
        index: NDArray[np.int64],
        codes: Floats,
        test: Images,
        known: NDArray[np.int64],
    ) -> Iterable[tuple[str, NDArray[np.bool_]]]:
        """How well codes tell classes, where training images of two classes or more have one."""
        assert learned.labels is not None
        assert test.labels is not None
        with_class = np.isin(index, labelled(learned))
        classes = learned.labels[index][with_class]
        if len(np.unique(classes)) < 2:
            return
        test_codes, _ = posterior(model, test, known)
        sides = codes[with_class], classes, test_codes, test.labels[known]
        yield "nearest", nearest_training_code(*sides)
        yield "probe", linear_probe(*sides)

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        sizes = Sizes(measured, self.runs, self.tolerance)
        numbers = sizes.numbers()
        n_chosen, n_reported = len(sizes.choosing), len(sizes.reporting)
        caveats = [
            "Every size was trained for the same number of updates, not until it was finished: a "
            "larger code may need more of them.",
            "What an image needs is measured by its pixels. Where codes are for a task of their "
            "own (classes, a search), that task's measure decides.",
        ]
        if sizes.is_vae:
            caveats.append(
                "A dimension is active where its posterior mean varies over training images by "
                "more than 0.01 (Burda 2016); a VAE leaves the others at the prior, so that they "
                "cost little."
            )
        else:
            caveats.append(
                "A code's directions are counted until they hold 99 % of its variance: an "
                "autoencoder has no prior against which a single dimension could be unused."
            )
        if len(measured) == 1:
            caveats.append(
                "With one seed, intervals are over images and given these models: another "
                "training may order neighbouring sizes otherwise."
            )
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=words(sizes, numbers),
            numbers=numbers,
            runs=self.runs,
            decided_by=(
                f"The smallest code whose {sizes.objective} on test images falls short of the "
                f"best's by less than {100 * self.tolerance:g} % of what the best gains over the "
                "mean training image in place of a model's, and whose shortfall either cannot be "
                "told from none or stays below that to the end of its 95 % interval. Best and "
                f"smallest are chosen on {n_chosen:,} test images, and all numbers are of the "
                f"other {n_reported:,}, so that nothing is reported where it was chosen."
            ),
            figures=draw(sizes, setting),
            tables=(table(sizes),),
            caveats=tuple(caveats),
            sources=(
                "Burda, Grosse and Salakhutdinov 2016 (active units)",
                "Alain and Bengio 2016 (linear probes)",
            ),
            key="chosen-code",
        )


@torch.no_grad()
def objectives(
    model: VAE | Autoencoder, images: Images, rows: NDArray[np.int64], seed: int, split: str
) -> dict[str, Floats]:
    """Per image at `rows`: ``elbo`` and ``kl`` in nats, or ``squared-error``, (n,) each.

    All models of a seed see the same binarised images, and the same noise where codes are of one
    size.
    """
    if isinstance(model, Autoencoder):
        outputs = reconstructions(model, images, rows)
        return {"squared-error": squared_error(images.pixels[rows], outputs)}
    data = observe(
        model, torch.from_numpy(images.scaled(rows)), torch_stream(seed, "observed", split)
    )
    q = model.posterior(data.x, torch.from_numpy(rows))
    found = elbo(model, q, data, n_samples=SAMPLES, generator=torch_stream(seed, "elbo", split))
    return {"elbo": found.elbo, "kl": found.kl}


def _of_one_picture(
    model: VAE | Autoencoder, images: Images, rows: NDArray[np.int64], picture: Floats
) -> float:
    """What `objectives` would be of a model that decodes everything to one picture: the mean."""
    if isinstance(model, Autoencoder):
        x = images.scaled(rows).reshape(len(rows), -1)
        return float(np.sum((x - picture) ** 2, axis=1).mean())
    data = observe(model, torch.from_numpy(images.scaled(rows)), torch_stream(0, "mean image"))
    return float(picture_log_prob(model.likelihood, data.x, picture).mean())
