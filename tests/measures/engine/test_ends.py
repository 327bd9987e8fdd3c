"""Hall's transformation, turned round: it never runs away, and p-values agree with it."""

import numpy as np
import pytest

from tacit.measures.engine.ends import _transformed, _untransformed


@pytest.mark.parametrize("skewness", [-2.0, -0.4, 0.0, 0.05, 0.4, 2.0])
def test_it_is_monotone_and_its_inverse_is_its_inverse(skewness: float) -> None:
    quantiles = np.linspace(-6, 6, 241)
    ends = np.array([_untransformed(q, skewness) for q in quantiles])
    assert (np.diff(ends) > 0).all()
    assert np.allclose([_transformed(t, skewness) for t in ends], quantiles)


def test_few_seeds_and_skewed_images_do_not_send_an_end_far_away() -> None:
    # 3 seeds have a quantile of 4.3; where the transformation is flat its inverse was at -15.
    assert -7 < _untransformed(-4.3, 0.4) < -4.3
    # Moderate skewness and a common quantile are as Hall has them.
    assert _untransformed(-1.96, 0.25) == pytest.approx(
        3 / 0.25 * (np.cbrt(1 + 0.25 * (-1.96 - 0.25 / 6)) - 1)
    )
