"""Which way infers better codes, in words: unfinished, worse, or neither."""

from collections.abc import Iterator

from tacit.measures.formatting import show, significant
from tacit.measures.intervals import decide
from tacit.questions.inference_method.numbers import Found
from tacit.questions.shared.words import unconverged, verdict
from tacit.questions.verdicts import Said, Verdict, finished, had_not, ruled

DECIDED_BY = (
    "As trained, a method is better where the 95 % interval of the paired difference of ELBO on "
    "training images, over images and seeds together, excludes zero. What refining a run's codes "
    "against its own decoder adds was not finished. What remains between two decoders on test "
    "images, both refined alike, is the decoder's doing."
)


def headline(found: Found) -> Said:
    """Whether the shared encoder infers better codes than every image's own optimisation.

    Of the runs whose training had finished; that others had not is said at the end.
    """
    runs = finished(found.asked.per_image, found.setting.unfinished)
    verdicts = {_verdict(found, run) for run in runs}
    key = f"{runs[0]}.encoder-minus-own.elbo"
    label = f"ELBO of the shared encoder minus that of {runs[0]}"
    left = had_not([run for run in found.asked.per_image if run not in runs])
    verdict = Verdict.CANNOT_TELL
    if verdicts == {Verdict.YES}:
        verdict, text = Verdict.YES, "The shared encoder's codes are better than every image's own"
    elif verdicts == {Verdict.NO}:
        verdict, text = Verdict.NO, "Every image's own codes are better than the shared encoder's"
    elif {Verdict.YES, Verdict.NO} <= verdicts:
        text = "It depends: own codes beat the shared encoder or not by how they are optimised"
    else:
        text = "Whether the shared encoder infers better codes cannot be told for every run"
    told = ", as trained" if verdict in (Verdict.YES, Verdict.NO) and not left else ""
    return Said(verdict, f"{text}{told}{left}.", key, label, (found.asked.amortized, *runs))


def _verdict(found: Found, run: str) -> Verdict:
    """Whether the shared encoder's codes are better than those of one run."""
    return ruled(found.encoder_minus_own(run).mean())


def verdict_of(found: Found, run: str) -> str:
    """The verdict on one run, in the words of a table."""
    if run in found.setting.unfinished or found.asked.amortized in found.setting.unfinished:
        return Verdict.NOT_FINISHED
    said = _verdict(found, run)
    return {Verdict.YES: "encoder better", Verdict.NO: "own codes better"}.get(said, said)


def sentences(found: Found) -> Iterator[str]:
    """What each run's codes and decoder lack, and what the encoder misses."""
    for run in found.asked.per_image:
        yield _of_run(found, run)
    train, test = found.missed("train").mean(), found.missed("test").mean()
    yield (
        "On the encoder's own decoder, optimising each image beats the encoder by "
        f"{show(train)} on training and {show(test)} on test images."
        if decide(train) == decide(test) == "higher"
        else "That optimising each image beats the encoder on its own decoder is not shown."
    )


def described(found: Found, run: str) -> str:
    """A per-image run in a few words."""
    what = found.described(run)
    each = "1 update" if what.visits == 1 else f"{what.visits} updates"
    began = what.mean_std
    small = "" if began in (None, 1) else f", means begun at N(0, {began:g}²)"
    return f"{each} per visit, {what.visits * what.epochs:.0f} in all{small}"


def _of_run(found: Found, run: str) -> str:
    """Whether its codes were unfinished, and whether its decoder is worse."""
    unfinished = found.unfinished(run).mean()
    arrived = verdict(
        unfinished,
        higher="refining adds {} that its codes had not finished",
        lower="its codes are better than refined ones by {}",
        alike="refining adds nothing that shows ({})",
    )
    left = verdict(
        found.decoder(run, "test").mean(),
        higher="its decoder stays worse by {} on test images",
        lower="its decoder is the better one by {} on test images",
        alike="the two decoders are not distinguishable on test images (difference {})",
    )
    return f"'{run}': {arrived}; all refined alike, {left}."


def caveats(found: Found) -> Iterator[str]:
    yield (
        "The per-image VAE has no codes for test images; theirs, and every refined code, come "
        "from the same optimisation from the prior against the frozen decoder."
    )
    if (missing := found.missing.value) is not None:
        yield (
            "By slope and curvature of their bounds, refined codes lack at most "
            f"{significant(missing, 2)} nats of the best diagonal Gaussian in reach at the median."
        )
    yield (
        "Another optimum, out of reach, may be better; images whose refinement went astray "
        "count as the decoder's fault."
    )
    yield unconverged(found.converged, "raise the bound of the others")
    for key, what in (
        ("epochs", "trained for different numbers of epochs"),
        ("beta", "have different β"),
    ):
        values = {run: getattr(found.described(run), key) for run in found.asked.runs}
        if len(set(values.values())) > 1:
            each = ", ".join(f"{run} {value:g}" for run, value in values.items())
            yield f"The runs {what} ({each}); they differ in more than inference."
