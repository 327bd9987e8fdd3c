"""log p(x): samples per second beside pythae's `get_nll`, as a row."""

from benchmarks import log_prob
from benchmarks.pairing import Row, Side, in_turns
from benchmarks.settings import Settings

BATCH = 128
"""Codes at once on both sides; pythae's own default is 100."""


def _beside_pythae(source: str, data_dir: str | None, updates: int, samples: int) -> object:
    log_prob.UPDATES, log_prob.N_SAMPLES = updates, samples
    model, x = log_prob.trained_vae(source, data_dir)
    return lambda: lambda: log_prob.beside_pythae(model, x)


def rows(settings: Settings) -> list[Row]:
    """pythae's two losses; their rounds are taken in turns inside one process."""
    if settings.pythae is None:
        return []
    source = "mnist" if settings.data_dir else "digits"
    work = (20, 256) if settings.quick else (log_prob.UPDATES, log_prob.N_SAMPLES)
    side = Side(_beside_pythae, source, settings.data_dir, *work, path=(settings.pythae,))
    # The first round warms up, so that one counts; each is the best of several itself.
    numbers = in_turns({"both": side}, 1)["both"][0].numbers
    return [
        Row(
            work=f"log p(x) of an MLP VAE, samples per second ({loss}, {BATCH} codes at once)",
            against="pythae 0.1.2's `get_nll`",
            values=[numbers[f"{loss}, {BATCH} at once: ratio"]],
            aim=2.5,
            at_least=True,
            details=numbers,
        )
        for loss in ("mse", "bce")
    ]
