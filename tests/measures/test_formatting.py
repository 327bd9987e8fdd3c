"""Digits follow the interval; the undefined prints its reason."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.measures.formatting import rounded, show, significant
from tacit.measures.number import Number, undefined


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Number(435.21, 433.93, 436.49, 500, "nats", "x"), "435.2 nats (433.9 to 436.5)"),
        (Number(0.5, 0.41, 0.59, 9, "share", "x"), "50.0 % (41.0 to 59.0)"),
        (Number(0.99, 0.98, 1.0, 9, "accuracy", "x"), "99.0 % (98.0 to 100.0)"),
        (Number(7.0), "7"),
        (Number(-0.004, -1.3, 1.3), "0.0 (-1.3 to 1.3)"),
        (Number(12345.6, 9000.0, 15000.0, 3, "nats"), "12,300 nats (9,000 to 15,000)"),
        (undefined("one class only"), "undefined: one class only"),
        (undefined("n = 1", value=2.5, n=1, unit="nats"), "2.5 nats (interval undefined: n = 1)"),
    ],
)
def test_show(number: Number, text: str) -> None:
    assert show(number) == text


def test_sign_is_written_for_differences() -> None:
    assert show(Number(1.5, 0.4, 2.6, 3, "nats"), sign=True) == "+1.5 nats (0.4 to 2.6)"
    assert show(Number(-1.5, -2.6, -0.4, 3, "nats"), sign=True) == "-1.5 nats (-2.6 to -0.4)"
    assert show(Number(0.0, -1.0, 1.0), sign=True) == "0.0 (-1.0 to 1.0)"


@given(st.floats(-1e8, 1e8), st.floats(1e-12, 1e8))
def test_rounding_loses_at_most_a_tenth_of_the_half_width(value: float, half: float) -> None:
    """Or half a millionth, of what is far from zero beside such an interval."""
    shown = float(rounded(value, half).replace(",", ""))
    least = 5.01e-7 if half < 1e-5 and abs(value) >= 1e-3 else 0.0
    assert abs(shown - value) <= max(0.0501 * half, least) + 1e-14 * abs(value)


@given(st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-300))
def test_significant_keeps_four_digits(value: float) -> None:
    assert math.isclose(float(significant(value).replace(",", "")), value, rel_tol=5.01e-4)
