"""The one statistical engine: a number measured over seeds × draws × images, and its interval.

    Measured      values with named axes among seed, draw and image; `.mean()` is a `Number`
    a - b         paired in every factor that both share
    difference    of two samples of images (training, test), under shared seeds and draws
    ratio         of two means over the same images
    bands         means and intervals along a curve
    Parts         which factor the uncertainty comes from, and what to buy more of
    best          which of several is best, and which are not distinguishable from it

>>> right = Measured([[1, 1, 0, 1], [1, 0, 0, 1]], ("seed", "image"), "accuracy")
>>> right.mean().interval
'95 % over 2 seeds × 4 images'
"""

from tacit.measures.engine.best import Best, best, best_class
from tacit.measures.engine.measured import Measured, bands, difference, ratio
from tacit.measures.engine.parts import Parts

__all__ = ["Best", "Measured", "Parts", "bands", "best", "best_class", "difference", "ratio"]
