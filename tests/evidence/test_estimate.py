"""An estimate knows its scale, its bound and its health, and says so."""

import dataclasses
import math

import numpy as np
import pytest

from tacit.evidence.estimate import (
    LogProbEstimate,
    concatenate,
    require_comparable,
)


def estimate(n: int = 3, **changes) -> LogProbEstimate:
    settings = {
        "log_prob": np.arange(n, dtype=float) - 80,
        "standard_error": np.full(n, 0.1),
        "bound": "lower",
        "measure": "mass",
        "method": "a test",
        "n_samples": 1000,
        "ess": np.full(n, 500.0),
        "pareto_k": np.full(n, 0.2),
    }
    return LogProbEstimate(**{**settings, **changes})


def test_every_reason_flags_its_image_alone() -> None:
    ess = np.array([500.0, 9.9, 500.0, 500.0, np.nan])
    k = np.array([0.2, 0.2, 0.69, 0.2, np.nan])
    log_prob = np.array([-80, -80, -80, -np.inf, -80])
    acceptance = np.array([0.6, 0.6, 0.6, 0.6, 0.1])
    found = estimate(5, log_prob=log_prob, ess=ess, pareto_k=k, acceptance=acceptance)
    assert found.flagged.tolist() == [False, True, True, True, True]
    assert found.reasons(0) == ()
    assert found.reasons(1) == ("effective sample size under 10",)
    assert found.reasons(2) == ("Pareto k̂ above 0.67",)
    assert found.reasons(3) == ("log p(x) is not finite",)
    assert found.reasons(4) == ("effective sample size under 10", "acceptance under 20%")


def test_few_chains_are_asked_for_half_of_them() -> None:
    chains = {"pareto_k": None, "acceptance": np.full(2, 0.7)}
    found = estimate(2, n_samples=16, ess=np.array([8.1, 7.9]), **chains)
    assert found.flagged.tolist() == [False, True]


def test_too_few_to_judge_is_flagged_and_says_so() -> None:
    """Of 2 weights none can be called heavy; they were the ones that had no flag."""
    for n in (1, 2, 50, 99):
        found = estimate(2, n_samples=n, ess=np.full(2, float(n)), pareto_k=None)
        assert found.flagged.all()
        assert found.reasons(0) == ("fewer than 100 weights, too few to judge",)
    chains = {"ess": np.full(2, 9.0), "pareto_k": None, "acceptance": np.full(2, 0.7)}
    assert estimate(2, n_samples=9, **chains).reasons(1) == (
        "fewer than 10 chains, too few to judge",
    )


def test_it_reads_as_text() -> None:
    text = str(estimate(2, ess=np.array([500.0, 2.0]), caveats=("mind the gap",)))
    assert "a lower bound in expectation" in text
    assert "probability of discrete pixels" in text
    assert "flagged: 1 of 2 (effective sample size under 10: 1)" in text
    assert "caveat: mind the gap" in text
    assert "undefined below 100 weights" in str(estimate(n_samples=50, pareto_k=None))
    unfinished = str(estimate(2, log_prob=np.array([-np.inf, -80.0])))
    assert "mean -80.00 without 1 not finite" in unfinished
    assert "exact" in str(estimate(bound="exact", n_samples=0, ess=None, pareto_k=None))


def test_bits_per_dimension_of_discrete_pixels() -> None:
    uniform = estimate(1, log_prob=np.array([16 * math.log(0.5)]))
    assert uniform.bits_per_dimension(16) == pytest.approx(1)


@pytest.mark.parametrize("pixel_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_bits_per_dimension_of_dequantised_pixels(pixel_range) -> None:
    """A uniform density over the pixels' range takes 8 bits for 256 grey levels."""
    low, high = pixel_range
    uniform = estimate(
        1,
        log_prob=np.array([-16 * math.log(high - low)]),
        measure="density",
        dequantised=True,
        pixel_range=pixel_range,
    )
    assert uniform.bits_per_dimension(16) == pytest.approx(8)


def test_a_density_has_no_bits_per_dimension() -> None:
    with pytest.raises(ValueError, match="not dequantised: no code length"):
        estimate(measure="density").bits_per_dimension(16)
    with pytest.raises(ValueError, match="`n_dims` is 0"):
        estimate().bits_per_dimension(0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"measure": "density"},
            r"probability of discrete pixels.*density over pixels in \[0, 1\]",
        ),
        ({"measure": "density", "dequantised": True}, "probability of discrete.*, dequantised"),
    ],
)
def test_other_scales_are_refused_side_by_side(changes, named) -> None:
    pair = [estimate(), estimate(**changes)]
    for refuse in (require_comparable, concatenate):
        with pytest.raises(ValueError, match=named):
            refuse(pair)


def test_another_range_of_pixels_is_refused() -> None:
    density = estimate(measure="density")
    with pytest.raises(ValueError, match=r"\[0, 1\].*\[-1, 1\]"):
        require_comparable([density, dataclasses.replace(density, pixel_range=(-1.0, 1.0))])


def test_concatenation() -> None:
    first, second = estimate(), estimate(log_prob=np.full(3, -80.0))
    joined = concatenate([first, second])
    assert len(joined) == 6
    assert joined.take(slice(3, 6)).log_prob.tolist() == second.log_prob.tolist()
    assert len(joined.take(joined.log_prob < -79)) == 4
    with pytest.raises(ValueError, match="`bound` is 'lower' in one estimate and 'upper'"):
        concatenate([first, estimate(bound="upper")])
    with pytest.raises(ValueError, match="no estimates"):
        concatenate([])
