"""Photographs of which no encoder from elsewhere is asked: what one would probably bring."""

import numpy as np

from tacit.images.opened import Opened

LARGER_THAN = 48
"""Pixels of the shorter side: the sets on which encoders gained so much have 200, digits 28."""

LOOKED_AT = 9
"""Pictures whose size is looked at, from all over the set."""

HINT = (
    f"The pictures are larger than {LARGER_THAN} pixels and no encoder from elsewhere is asked. "
    "One of ImageNet gained 45 to 62 points on two sets of photographs (docs/encoders.md). "
    "To try one, give the same command --encoder timm:resnet18 (pip install 'tacit[pretrained]')."
)


def are_photographs(opened: Opened) -> bool:
    """Whether the pictures, as they were before they were made alike, are mostly that large."""
    originals = opened.train.originals
    if originals is None or not len(originals):
        return False
    rows = np.unique(np.linspace(0, len(originals) - 1, LOOKED_AT).astype(int)).tolist()
    sides = [min(originals.picture(i, LARGER_THAN + 1).size) for i in rows]
    return float(np.median(sides)) > LARGER_THAN
