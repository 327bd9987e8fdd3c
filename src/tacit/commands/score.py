"""``tacit score``: images to log p(x), and how far each number is to be believed."""

import hashlib
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tacit.commands.options import (
    DONE,
    CommandError,
    Source,
    Which,
    command,
    errors_of_use,
    open_inputs,
    open_model,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANY, NONE = Which(), Source()


@command
def score(
    model: Path,
    /,
    *,
    method: Literal["importance", "refined", "annealed"] | None = None,
    precision: float | None = None,
    samples: int | None = None,
    distributions: int = 1000,
    which: Which = ANY,
    source: Source = NONE,
    out: Path | None = None,
) -> int:
    """Write log p(x) of each image in nats, with its error, its health and what it bounds.

    Images are taken as they are: one of another size or number of channels is refused.

    Parameters
    ----------
    model
        A study's folder, such as tacit-out/inference, or the folder of a saved VAE.
    method
        "importance" samples from the encoder (the default, where there is one), "refined" ones from
        posteriors optimised per image, or "annealed" importance sampling, which costs most.
    precision
        Nats: samples from the encoder, samples from posteriors optimised per image, and annealing
        from these by 48, 200 and "distributions" steps in turn, image by image, until a value is
        known to ± this. What is still flagged then has an upper bound beside it.
    samples
        Weights per image: 1000 samples, or 16 chains of "annealed".
    distributions
        Of "annealed", from the encoder (or the prior) to the posterior; with a precision, the most.
    out
        A file that ends with .csv; by default CSV is printed. The summary goes to standard error.
    """
    import numpy as np
    import torch
    from rich.console import Console

    from tacit.commands.outputs import check_out, followed, write_table
    from tacit.evidence.estimate import concatenate
    from tacit.evidence.methods import SAMPLES, possible
    from tacit.evidence.methods import score as estimated
    from tacit.evidence.precision import PreciseEstimate, log_prob_to_precision
    from tacit.models.models import VAE
    from tacit.streams import torch_stream

    check_out(out, (".csv",))
    for option, value in (("samples", samples), ("distributions", distributions)):
        if value is not None and value < 1:
            raise CommandError(f"--{option} is {value}; it is at least 1")
    if precision is not None and not 0 < precision < math.inf:
        raise CommandError(f"--precision is {precision}; it is a positive number of nats")
    if precision is not None and method is not None:
        raise CommandError(
            f"--method is {method} and --precision {precision:g}; with a precision all methods are "
            "taken in turn: leave one of the two out"
        )
    trained = open_model(model, which)
    vae = trained.model
    if not isinstance(vae, VAE):
        raise CommandError(
            f"{model} holds a model of kind {type(vae).__name__}, which has no p(x); a VAE has one"
        )
    able = possible(vae)
    if method is not None and method not in able:
        raise CommandError(
            f"--method is {method}, but this VAE has no encoder to draw from; use "
            f"{' or '.join(able)}"
        )
    inputs = open_inputs(model, trained, source, as_they_are=True)
    names, labels, parts = [], [], []
    # Copies have one value to the bit, wherever they stand: each image is scored once.
    places: dict[bytes, int] = {}
    place = []
    for batch in followed(inputs, "scoring"):
        names += batch.names
        labels += batch.labels
        x = trained.pixels(batch.pixels)
        new = []
        for row, pixels in enumerate(x):
            key = hashlib.sha256(pixels.tobytes()).digest()
            if key not in places:
                places[key] = len(places)
                new.append(row)
            place.append(places[key])
        if not new:
            continue
        # The estimate repeats the warning as a caveat, once for all batches.
        with errors_of_use(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            some, generator = torch.from_numpy(x[new]), torch_stream(0, "score")
            if precision is None:
                found = estimated(
                    vae,
                    some,
                    method=method,
                    n_samples=samples,
                    n_distributions=distributions,
                    generator=generator,
                )
            else:
                found = log_prob_to_precision(
                    vae,
                    some,
                    precision=precision,
                    n_samples=samples or SAMPLES,
                    n_distributions=distributions,
                    generator=generator,
                )
            parts.append(found)
    estimate = concatenate(parts).take(np.array(place))
    flagged = estimate.flagged
    columns = (
        estimate.log_prob,
        estimate.standard_error,
        estimate.ess,
        estimate.pareto_k,
        estimate.acceptance,
    )
    header = ["log_prob", "standard_error", "ess", "pareto_k", "acceptance"]
    precise = estimate if isinstance(estimate, PreciseEstimate) else None
    further = ["method", "upper", "apart"] if precise else []
    rows = []
    for i, name in enumerate(names):
        numbers = [_number(column, i) for column in columns]
        reasons = "; ".join(estimate.reasons(i))
        known = [labels[i]] if inputs.labelled else []
        cells = [name, *known, *numbers, estimate.bound, int(flagged[i]), reasons]
        if precise:
            assert precise.methods is not None
            cells += [precise.methods[i], _number(precise.upper, i), _number(precise.apart, i)]
        rows.append(cells)
    label = ["label"] if inputs.labelled else []
    write_table(out, ["image", *label, *header, "bound", "flag", "reason", *further], rows)
    summary = Console(stderr=True, soft_wrap=True)
    summary.print(str(estimate), markup=False, highlight=False)
    return DONE


def _number(column: "NDArray[np.float64] | None", image: int) -> float | str:
    """One image's number; empty where it is undefined."""
    if column is None or math.isnan(column[image]):
        return ""
    return float(column[image])
