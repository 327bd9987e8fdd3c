"""The processes that train one run together, and the few things that they do together.

Every rank has the whole of the shared weights and looks at a share of every batch. A rank's loss
is the sum over the images of its share, divided by the size of the whole batch; the sum of
gradients over ranks is then that of one rank which looks at the whole batch, but for the order of
sums.
Noise, views and orders are named by seed and update and drawn for the whole batch
(`tacit.models.noise`), so that they are those of one rank as well.

Everything that ranks exchange is a sum: rows of a share are put at their places among zeros.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from tacit.models.noise import Share
from tacit.models.posteriors import PerImage
from tacit.training.schedule import Schedule

Made = TypeVar("Made")


class RanksError(ValueError):
    """What cannot be trained by so many ranks, or here, and why."""


class RankLost(Exception):
    """A rank ended, or is not heard of any more; the message says which and why."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train one run; alone, nothing is done for the others.

    Attributes:
        rank: this one's number, from 0. size: how many there are.
        why: asked for the cause when the others cannot be reached any more.
    """

    rank: int = 0
    size: int = 1
    why: Callable[[Exception], str] = str

    @property
    def is_first(self) -> bool:
        """Whether this rank is the one that writes and speaks."""
        return self.rank == 0

    def share(
        self, index: NDArray[np.int64], device: torch.device, *, owned: bool
    ) -> tuple[Share | None, NDArray[np.int64]]:
        """This rank's share of a batch, and which images that is.

        Args:
            index: of the batch's images, (B,).
            owned: whether images belong to ranks, as they do where a rank has rows of their own;
                else every rank takes as many images as another, or one more.
        """
        if self.size == 1:
            return None, index
        places = (
            np.flatnonzero(index % self.size == self.rank)
            if owned
            else np.arange(self.rank, len(index), self.size)
        )
        counted = len(places) > 0
        chosen = index[places]
        if not counted:
            places = np.zeros(1, np.int64)
            chosen = np.array([self.rank]) if owned else index[:1]
        return Share(torch.from_numpy(places).to(device), len(index), counted), chosen

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over ranks in place of each, all of one dtype in one message."""
        if self.size == 1:
            return
        alike: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            alike.setdefault(tensor.dtype, []).append(tensor)
        for each in alike.values():
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in each])
            self._do(dist.all_reduce, flat)
            sizes = [tensor.numel() for tensor in each]
            for tensor, summed in zip(each, flat.split(sizes), strict=True):
                tensor.detach().copy_(summed.view_as(tensor))

    def gathered(self, rows: Tensor, share: Share) -> Tensor:
        """The rows of all ranks for a batch, with gradients to those of this one.

        rows: (k b, …), k times the share's images, one after the other. Returns (k B, …).
        """
        found: Tensor = _Gathered.apply(rows, share, self)
        return found

    def whole(self, made: Made, share: Share | None) -> Made:
        """What was made of this rank's share, for the whole batch: a tensor, or several."""
        if share is None:
            return made
        found: Any = made
        if isinstance(found, dict):
            found = {name: self.whole(part, share) for name, part in found.items()}
        elif isinstance(found, tuple):
            found = tuple(self.whole(part, share) for part in found)
        else:
            found = self.gathered(found, share)
        return found

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Of each, whether it holds on some rank."""
        if self.size == 1:
            return flags
        held = torch.tensor(flags, dtype=torch.int32)
        self._do(dist.all_reduce, held, dist.ReduceOp.MAX)
        return tuple(map(bool, held.tolist()))

    def told(self, what: Made) -> Made:
        """What the first rank says: plain data."""
        if self.size == 1:
            return what
        said = [what]
        self._do(partial(dist.broadcast_object_list, device=torch.device("cpu")), said)
        return said[0]

    def told_tensors(
        self, tensors: Mapping[str, Tensor], by_image: Callable[[str], bool]
    ) -> dict[str, Tensor]:
        """Tensors that the first rank has; of those with a row for each image, this rank's rows."""
        if self.size == 1:
            return dict(tensors)
        kinds = self.told([(name, t.shape, t.dtype) for name, t in tensors.items()])
        found = {}
        for name, shape, dtype in kinds:
            value = tensors[name] if self.is_first else torch.empty(0, dtype=dtype)
            if by_image(name):
                found[name] = self._spread(value, shape, dtype)
                continue
            value = value.cpu().contiguous() if self.is_first else torch.empty(shape, dtype=dtype)
            self._do(dist.broadcast, value, 0)
            found[name] = value
        return found

    def _spread(self, table: Tensor, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        if self.is_first:
            for rank in range(1, self.size):
                rows = table[rank :: self.size].contiguous()
                self._do(dist.send, rows, rank)
            return table[:: self.size].clone()
        rows = torch.empty((_n_rows(shape[0], self.rank, self.size), *shape[1:]), dtype=dtype)
        self._do(dist.recv, rows, 0)
        return rows

    def table(self, rows: Tensor, n: int) -> Tensor:
        """Rows of all images, (n, …), in the first rank's memory; elsewhere those that are there.

        rows: those of this rank, the images rank, rank + size, …
        """
        if self.size == 1:
            return rows
        here = rows.detach().cpu().contiguous()
        if not self.is_first:
            self._do(dist.send, here, 0)
            return here
        whole = torch.empty((n, *here.shape[1:]), dtype=here.dtype)
        whole[:: self.size] = here
        for rank in range(1, self.size):
            theirs = torch.empty((_n_rows(n, rank, self.size), *here.shape[1:]), dtype=here.dtype)
            self._do(dist.recv, theirs, rank)
            whole[rank :: self.size] = theirs
        return whole

    def check_alike(self, model: nn.Module) -> None:
        """See that all ranks have the same shared weights.

        Raises:
            RankLost: they do not; the processors of nodes may compute differently.
        """
        if self.size == 1:
            return
        own = {id(p) for part in per_image(model) for p in part.parameters()}
        sums = [p.detach().double().sum() for p in model.parameters() if id(p) not in own]
        total = torch.stack(sums).sum().cpu() if sums else torch.zeros((), dtype=torch.float64)
        ends = torch.stack([total, -total])
        self._do(dist.all_reduce, ends, dist.ReduceOp.MAX)
        if float(ends[0]) != -float(ends[1]):
            raise RankLost(
                f"ranks' weights differ, by {float(ends.sum()):.1e} in their sum: they have to be "
                "computed on processors of one kind, with the same versions"
            )

    def _do(self, exchange: Callable[..., Any], *arguments: Any) -> None:
        try:
            exchange(*arguments)
        except RuntimeError as error:
            raise RankLost(self.why(error)) from error


ALONE = Ranks()


def fit_together(size: int, schedule: Schedule) -> None:
    """See that every rank has images of a batch.

    Raises:
        RanksError: a batch has fewer than there are ranks.
    """
    batch = min(schedule.batch_size, schedule.n_images)
    if size > batch:
        raise RanksError(
            f"ranks is {size}, but a batch has {batch} images, and each rank takes at least one of "
            "them; choose fewer ranks or a larger batch_size"
        )


def per_image(model: nn.Module) -> list[PerImage]:
    """The parts of a model that have rows for each image."""
    return [module for module in model.modules() if isinstance(module, PerImage)]


def keep_own_rows(model: nn.Module, ranks: Ranks) -> None:
    """Of what belongs to images, keep those of this rank: of image i, where i modulo `size` is it.

    What it is asked for afterwards are images of this rank alone.
    """
    for part in per_image(model):
        if (part.first, part.every) != (ranks.rank, ranks.size):
            part.keep(ranks.rank, ranks.size)


def make_whole(model: nn.Module, ranks: Ranks) -> None:
    """Undo `keep_own_rows` on the first rank; its tables are in the machine's memory then."""
    for part in per_image(model):
        if part.every > 1:
            part.make_whole(*(ranks.table(p, part.n_images) for p in (part.mean, part.log_var)))


def _n_rows(n: int, rank: int, size: int) -> int:
    return len(range(rank, n, size))


class _Gathered(torch.autograd.Function):
    """Rows at their places among zeros, summed over ranks; gradients are summed on the way back."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, share: Share, ranks: Ranks) -> Tensor:
        ctx.share, ctx.ranks = share, ranks
        b = len(share.places)
        rows = rows.reshape(-1, b, *rows.shape[1:])
        whole = rows.new_zeros((len(rows), share.whole, *rows.shape[2:]))
        if share.counted:
            whole[:, share.places] = rows
        ranks.add_up([whole])
        return whole.flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        share, ranks = ctx.share, ctx.ranks
        whole = gradient.reshape(-1, share.whole, *gradient.shape[1:]).clone()
        ranks.add_up([whole])
        rows = whole[:, share.places]
        return (rows if share.counted else torch.zeros_like(rows)).flatten(0, 1), None, None
