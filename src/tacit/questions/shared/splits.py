"""Training and test images as two samples, under the same seeds and draws of few labels."""

from tacit.measures.engine import Measured, difference


def gap(train: Measured, test: Measured, *, few: bool) -> Measured:
    """Test minus training images.

    Where every draw of few labels has training images of its own, they are averaged within the
    draw, and the spread between draws holds theirs.

    Args:
        train, test: by seed (where it matters), draw and image.
        few: whether the runs learned from draws of few labels.
    """
    if few and train.size("draw") > 1:
        return test - train.average("image")
    return difference(without_draw(test, few), without_draw(train, few))


def without_draw(values: Measured, few: bool) -> Measured:
    """As they are, or without the draw where all images were learned from: there is no other."""
    return values if few else values.average("draw")
