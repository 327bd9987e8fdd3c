"""How a user's rows become what networks read, and back."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tacit.models.networks import Shape

Layout = Literal["nchw", "nhwc", "nhw", "values"]


@dataclass(frozen=True, eq=False)
class Form:
    """u = (x - offset) / scale, shaped (n, C, H, W) for networks.

    Images have offset 0 and scale 1 where they are floats in [0, 1], and bytes are divided by 255:
    their density is over pixels in [0, 1], as everywhere in tacit. Rows of values are standardised
    feature by feature, and their density is over the values as they were given.

    Attributes:
        layout: of a user's array: images (n, C, H, W), (n, H, W, C) or (n, H, W), or values (n, d).
        shape: of one row for a network; (1, 1, d) for values.
        offset, scale: float64, (d,), for values; None for images.
    """

    layout: Layout
    shape: Shape
    offset: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None

    @classmethod
    def of_values(cls, x: NDArray[Any]) -> "Form":
        """Mean and standard deviation of each column of (n, d); 1 for a column that is constant.

        Raises:
            ValueError: a column spans more than float64 can hold.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            offset, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
        wide = np.flatnonzero(~np.isfinite(offset) | ~np.isfinite(scale))
        if len(wide):
            raise ValueError(f"feature {wide[0]} spans more than float64 can hold")
        # A constant column's standard deviation is rounding of its mean.
        constant = scale <= 10 * np.finfo(np.float64).eps * np.abs(offset)
        return cls("values", (1, 1, x.shape[1]), offset, np.where(constant, 1.0, scale))

    @classmethod
    def of_images(cls, shape: tuple[int, ...]) -> "Form":
        """The form of an array (n, h, w) or (n, h, w, c).

        Raises:
            ValueError: another shape.
        """
        if len(shape) == 3:
            return cls("nhw", (1, shape[1], shape[2]))
        if len(shape) != 4 or shape[3] not in (1, 3):
            last = (
                "; np.moveaxis(X, 1, -1) puts channels last"
                if len(shape) == 4 and shape[1] in (1, 3)
                else ""
            )
            raise ValueError(
                f"images of shape {shape}; they are (n, h, w) or (n, h, w, c) with c = 1 or 3{last}"
            )
        return cls("nhwc", (shape[3], shape[1], shape[2]))

    @property
    def channels_last(self) -> "Form":
        """The same images with their channels last, as scikit-learn's users have them."""
        if self.layout != "nchw":
            return self
        return Form("nhw" if self.shape[0] == 1 else "nhwc", self.shape)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row of a user's array."""
        channels, height, width = self.shape
        return {
            "nchw": self.shape,
            "nhwc": (height, width, channels),
            "nhw": (height, width),
            "values": (width,),
        }[self.layout]

    @property
    def log_jacobian(self) -> float:
        """log |du/dx|, to be added to a log density of u, in nats per row."""
        return 0.0 if self.scale is None else -float(np.log(self.scale).sum())

    def to_network(self, x: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Rows of a user's array, (n, *row_shape), as (n, C, H, W) of `dtype`.

        Raises:
            ValueError: floating-point pixels that do not lie in [0, 1], or no longer finite values.
        """
        if self.offset is not None and self.scale is not None:
            with np.errstate(over="ignore"):
                u = ((x - self.offset) / self.scale).astype(dtype)
            if not np.isfinite(u).all():
                raise ValueError(f"a value lies too far from the training data for {u.dtype}")
            return u.reshape(len(x), *self.shape)
        if self.layout == "nhwc":
            x = np.moveaxis(x, 3, 1)
        x = x.reshape(len(x), *self.shape)
        if x.dtype == np.uint8:
            return np.ascontiguousarray(x, dtype=dtype) / np.dtype(dtype).type(255)
        if x.size and not (x.min() >= 0 and x.max() <= 1):
            found = "NaN" if np.isnan(x).any() else f"{x.min():g} to {x.max():g}"
            raise ValueError(f"pixels are {found}; floats lie in [0, 1], or uint8 in 0 to 255")
        return np.ascontiguousarray(x, dtype=dtype)

    def from_network(self, u: NDArray[Any]) -> NDArray[Any]:
        """(n, C, H, W) as rows of a user's array; images are floats in [0, 1]."""
        if self.offset is not None and self.scale is not None:
            return u.reshape(len(u), -1) * self.scale + self.offset
        if self.layout == "nhwc":
            return np.moveaxis(u, 1, 3)
        return u.reshape(len(u), *self.row_shape)

    def __str__(self) -> str:
        if self.layout == "values":
            return f"(n, {math.prod(self.shape)})"
        return f"(n, {', '.join(map(str, self.row_shape))})"
