"""Numbers as words: digits follow the interval, and what is undefined prints its reason."""

import math

from tacit.measures.number import Number

AS_PERCENT = ("accuracy", "share")


def show(number: Number, *, sign: bool = False) -> str:
    """A number with its unit and interval, rounded to two digits of the interval's half-width.

    Accuracies and shares are shown in percent. `sign` writes the plus of a positive difference.

    >>> show(Number(435.2345, 433.91, 436.53, 500, "nats", "95 % t over 500 images"))
    '435.2 nats (433.9 to 436.5)'
    >>> show(Number(0.98312, 0.981, 0.9852, 10000, "accuracy", "95 % Wilson over 10000 images"))
    '98.31 % (98.10 to 98.52)'
    >>> show(Number(3.0, n=1, unit="nats", interval="undefined: n = 1, no spread between seeds"))
    '3 nats (interval undefined: n = 1, no spread between seeds)'
    >>> show(Number(None, interval="undefined: one class only"))
    'undefined: one class only'
    """
    if number.value is None:
        return number.interval
    text = brief(number, sign=sign)
    if number.low is None or number.high is None:
        return text + (f" (interval {number.interval})" * (number.interval != "no interval"))
    scale = 100.0 if number.unit in AS_PERCENT else 1.0
    low, high = scale * number.low, scale * number.high
    half = (high - low) / 2
    return f"{text} ({rounded(low, half)} to {rounded(high, half)})"


def brief(number: Number, *, sign: bool = False) -> str:
    """A number with its unit, rounded by its interval, without the interval.

    >>> brief(Number(435.2345, 433.91, 436.53, 500, "nats", "95 % t over 500 images"))
    '435.2 nats'
    >>> brief(Number(None, interval="undefined: one class only"))
    'an undefined amount'
    """
    if number.value is None:
        return "an undefined amount"
    scale, unit = (100.0, "%") if number.unit in AS_PERCENT else (1.0, number.unit)
    value, half = scale * number.value, 0.0
    if number.low is not None and number.high is not None:
        half = (scale * number.high - scale * number.low) / 2
    return _signed(rounded(value, half), value, sign) + (f" {unit}" if unit else "")


def rounded(value: float, half_width: float) -> str:
    """`value` to two significant digits of its interval's half-width.

    A power of ten is written only of what is near zero itself: digits that an interval of almost no
    width would ask for are left out.

    >>> rounded(435.2345, 1.3), rounded(1234567.0, 45000.0), rounded(0.0000123, 0.0000011)
    ('435.2', '1,235,000', '1.23e-05')
    >>> rounded(7.60090238, 3e-8), rounded(0.0, 3e-8)
    ('7.600902', '0')
    """
    if half_width <= 0:
        return significant(value)
    decimals = 1 - math.floor(math.log10(half_width))
    if decimals > 6:  # a row of zeros is harder to read than a power of ten
        magnitude = max(abs(value), half_width)
        if value == 0:
            return "0"
        if magnitude >= 1e-3:
            return _plain(value, 6)
        digits = max(0, decimals + math.floor(math.log10(magnitude)))
        return f"{value:.{digits}e}"
    return _plain(round(value, decimals), max(decimals, 0))


def significant(value: float, digits: int = 4) -> str:
    """`value` to so many significant digits, without trailing zeros.

    >>> significant(435.2345), significant(3.0), significant(20000.0), significant(0.0)
    ('435.2', '3', '20,000', '0')
    """
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4:
        return f"{value:.{digits - 1}e}"
    text = _plain(value, max(0, digits - 1 - exponent))
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float, decimals: int = 1) -> str:
    """A share of one in percent.

    >>> percent(0.98312)
    '98.3 %'
    """
    return f"{100 * share:.{decimals}f} %"


def _plain(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def _signed(text: str, value: float, sign: bool) -> str:
    return f"+{text}" if sign and value > 0 else text
