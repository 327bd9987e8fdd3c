"""Sentences that are held to a measure."""

import re


def numbers_in(sentence: str) -> int:
    """How many numbers stand in a sentence; digits within names are none.

    >>> numbers_in("vae-2 gains 1,234.5 nats, 3 % more"), numbers_in("a code of 64")
    (2, 1)
    """
    return len(re.findall(r"(?<![\w.-])[-+−±]?\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?(?![\w-])", sentence))
