"""What to do in place of a study that takes very long."""

LONG = 3600.0
"""Seconds on one core from which on something else is proposed."""

SOON = 600.0
"""Seconds that a first answer may take."""

FEWEST_IMAGES, LARGEST_SIDE, FEWEST_EPOCHS = 1_000, 32, 3


def shorter(seconds: float, *, seeds: int, side: int, images: int, epochs: int) -> str:
    """Options that bring a study down to about `SOON`; "" where it is not long.

    One seed first, then smaller images, fewer of them and fewer epochs: time goes roughly by their
    product. Where all that is not enough, the options go as far as makes sense.

    Args:
        seconds: what it is estimated to take on one core.
        seeds, images, epochs: how many it has. side: the longer one of its images, in pixels.

    >>> shorter(60, seeds=3, side=28, images=60_000, epochs=30)
    ''
    >>> shorter(9_000, seeds=3, side=28, images=60_000, epochs=30)
    '--seeds 1 --train-size 12000'
    >>> shorter(97_200, seeds=1, side=256, images=200, epochs=30)
    '--size 32 --epochs 11'
    """
    if seconds < LONG:
        return ""
    options, left = [], seconds
    if seeds > 1:
        options.append("--seeds 1")
        left /= seeds
    if left > SOON and side > LARGEST_SIDE:
        options.append(f"--size {LARGEST_SIDE}")
        left *= (LARGEST_SIDE / side) ** 2
    if left > SOON and images > FEWEST_IMAGES:
        fewer = max(FEWEST_IMAGES, int(images * SOON / left))
        options.append(f"--train-size {fewer}")
        left *= fewer / images
    if left > SOON and epochs > FEWEST_EPOCHS:
        options.append(f"--epochs {max(FEWEST_EPOCHS, int(epochs * SOON / left))}")
    return " ".join(options)
