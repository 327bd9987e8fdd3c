"""torchvision beside a build of PyTorch that it was not built for: its operators, declared.

timm imports torchvision, which loads where its operators are known; no test calls one of them.
"""

import sys

import torch

NAMES = (
    "nms",
    "qnms",
    "roi_align",
    "_roi_align_backward",
    "ps_roi_align",
    "_ps_roi_align_backward",
    "roi_pool",
    "_roi_pool_backward",
    "ps_roi_pool",
    "_ps_roi_pool_backward",
    "qroi_align",
    "deform_conv2d",
    "_deform_conv2d_backward",
)
SUPPRESSING = ("nms", "qnms")
_declared: list[torch.library.Library] = []


def declare() -> None:
    """Let `import torchvision` work, where it does not by itself."""
    try:
        import torchvision  # noqa: F401

        return
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in NAMES:
        takes = "Tensor dets, Tensor scores, float iou" if name in SUPPRESSING else "Tensor x"
        library.define(f"{name}({takes}) -> Tensor")
    _declared.append(library)  # it is gone when nobody holds it
